// How often a chunk crosses the border between wasm and JavaScript. Counts do not depend on the machine.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The most calls for each chunk: out of wasm, and back. What is measured is a third less. */
const LIMITS = { 'verify "off"': [15, 15], 'verify "stream"': [36, 30] };

test("a chunk takes few calls between wasm and JavaScript", { timeout: 120_000 }, async (t) => {
  const script = fileURLToPath(new URL("../../../benches/calls.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  t.diagnostic(stdout);
  for (const [what, [mostOut, mostBack]] of Object.entries(LIMITS)) {
    const [, out, back] = stdout.match(new RegExp(`${what} \\| ([\\d.]+) \\| ([\\d.]+)`)).map(Number);
    assert.ok(out > 1 && out <= mostOut, `${what}: ${out} calls out`);
    assert.ok(back > 1 && back <= mostBack, `${what}: ${back} calls back`);
  }
});
