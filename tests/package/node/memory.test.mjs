// What is left of streams that ended, and of those that nobody holds any more: nothing, however many there were.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Runs one course of `leaks.mjs` in a process of its own, whose garbage collector can be called; resolves to what it found. */
async function course(name) {
  const script = fileURLToPath(new URL("./leaks.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", script, name], { timeout: 230_000 });
  return JSON.parse(stdout);
}

// F92
test("ten thousand files opened and cancelled leave no timer, listener or request, and no memory of each", { timeout: 240_000 }, async (t) => {
  const { cycles, heap, pages, timers, listeners, inFlight, requests } = await course("cancelled");
  t.diagnostic(JSON.stringify({ heap, pages, requests }));
  assert.deepEqual({ cycles, timers, listeners, inFlight }, { cycles: 10_000, timers: 0, listeners: 0, inFlight: 0 });
  // 256 bytes for each of the eight thousand that were counted: less than any stream takes.
  assert.ok(pages.after - pages.before <= 32, `wasm memory grew from ${pages.before} to ${pages.after} pages`);
});

// F95
test("what nobody holds any more is collected, and its requests end", { timeout: 120_000 }, async () => {
  const { kept, inFlight } = await course("dropped");
  assert.deepEqual(kept, [], "what was not collected");
  assert.deepEqual(inFlight, {}, "requests that went on");
});
