// Streams that have ended, or are unreachable, leave no timer, listener, request or memory.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Runs a scenario of leaks.mjs in a process with --expose-gc; resolves to its result. */
async function course(name) {
  const script = fileURLToPath(new URL("./leaks.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", script, name], { timeout: 230_000 });
  return JSON.parse(stdout);
}

// F92, F153
test("ten thousand cancelled files leave nothing behind", { timeout: 240_000 }, async (t) => {
  const { cycles, heap, pages, timers, listeners, inFlight, requests } = await course("cancelled");
  t.diagnostic(JSON.stringify({ heap, pages, requests }));
  assert.deepEqual({ cycles, timers, listeners, inFlight }, { cycles: 10_000, timers: 0, listeners: 0, inFlight: 0 });
  // 128 bytes for each of the eight thousand that count, for code that the engine optimizes meanwhile; and no memory of the module but
  // what a collection that comes late takes.
  assert.ok(heap.after - heap.before <= 1 << 20, `the heap grew from ${heap.before} to ${heap.after} bytes`);
  assert.ok(pages.after - pages.before <= 2, `wasm memory grew from ${pages.before} to ${pages.after} pages`);
});

test("ten thousand streams cancelled in workers leave nothing behind", { timeout: 240_000 }, async (t) => {
  const { heap, pages, timers, listeners, workers, bytes, threads, cycles } = await course("workers");
  t.diagnostic(JSON.stringify({ heap, pages }));
  assert.deepEqual({ cycles, timers, listeners, bytes, threads }, { cycles: 10_000, timers: 0, listeners: 0, bytes: 0, threads: 0 });
  assert.ok(workers >= 1 && workers <= 2, `${workers} workers`);
  assert.ok(pages[1] - pages[0] <= 2, `wasm memory grew from ${pages[0]} to ${pages[1]} pages`);
  // 256 bytes for each of the eight thousand that count, of which the engine takes a fifth.
  assert.ok(heap[1] - heap[0] <= 2 << 20, `the heap grew from ${heap[0]} to ${heap[1]} bytes`);
});

// F95, F151
test("unreachable files are collected, and their requests end", { timeout: 120_000 }, async () => {
  const { kept, inFlight } = await course("dropped");
  assert.deepEqual(kept, [], "not collected");
  assert.deepEqual(inFlight, {}, "requests still in flight");
});
