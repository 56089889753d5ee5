// The runtimes that the package is tested in.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { runtimes } from "../../scripts/install/runtimes.mjs";

for (const [name, { skip = false, program, version }] of Object.entries(runtimes())) {
  test(`${name} runs, and is the version that it is said to be`, { skip, timeout: 30_000 }, () => {
    const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
    assert.equal(status, 0);
    assert.ok(stdout.includes(version), stdout);
  });
}
