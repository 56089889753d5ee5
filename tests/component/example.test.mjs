// Runs examples/component-host as its README says, with the modules that this step has transpiled.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { root } from "../../scripts/command.mjs";
import { hosts } from "../../scripts/install/hosts.mjs";
import { noise, sha256, startStore } from "../store/index.mjs";
import { urlOf } from "./support.mjs";

const { jco } = hosts();

test("the example writes a range of a file, and prints errors", { timeout: 60_000, skip: jco.skip ?? false }, async (t) => {
  const store = await startStore({ cluster: null });
  t.after(() => store.close());
  // More than a pipe buffers.
  const bytes = noise("example", 3_000_000);
  const { path } = store.addFile({ path: "/f/example.bin", bytes, chunkSize: 1_000_000 });

  // Next to the transpiled modules.
  const folder = join(dirname(jco.library), "example");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ["host.js", "package.json"]) cpSync(join(root, "examples/component-host", name), join(folder, name));
  for (const name of ["library.js", "library.core.wasm"]) cpSync(join(dirname(jco.library), name), join(folder, "generated", name));

  const run = (...args) => promisify(execFile)(process.execPath, [join(folder, "host.js"), ...args], { encoding: "buffer", maxBuffer: Infinity });
  const { stdout, stderr } = await run(urlOf(store, path), "50000", "2500000");
  assert.equal(sha256(stdout), sha256(bytes.subarray(50_000, 2_500_000)));
  assert.match(String(stderr), /example\.bin: 3000000 bytes, .*; 3 requests/);
  await assert.rejects(run(`${store.filer}/f/none`), ({ code, stderr }) => code === 1 && /^not-found: /m.test(String(stderr)));
});
