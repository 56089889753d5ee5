// The runtimes in which the package is tested.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { runtimes } from "../../scripts/install/runtimes.mjs";

for (const [name, { skip = false, program, version }] of Object.entries(runtimes())) {
  test(`${name} runs, and has the version that was reported`, { skip, timeout: 30_000 }, () => {
    const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
    assert.equal(status, 0);
    assert.ok(stdout.includes(version), stdout);
  });
}
