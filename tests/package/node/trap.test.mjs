// A trap of the wasm module: what was at work fails, others go on. An exception that comes out of an import through the module's frames
// leaves it as a trap does, and can be caused from outside.
import assert from "node:assert/strict";
import { test } from "node:test";
import { contentOf, MemoryStore } from "../behaviours/memory-store.mjs";
import { importPackage } from "../support.mjs";

const kelp = await importPackage();
await kelp.init();

const { AbortController } = globalThis;

/** From now on, the module cannot send a request. */
function arm() {
  globalThis.AbortController = class {
    constructor() {
      throw new Error("a trap");
    }
  };
}

const disarm = () => (globalThis.AbortController = AbortController);

const isInternal = (error) => error instanceof kelp.KelpError && error.code === "internal" && !error.retryable;

async function rest(reader) {
  const pieces = [];
  for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value);
  return Buffer.concat(pieces);
}

// F110
test("a stream that traps fails with internal, and others go on", { timeout: 60_000 }, async (t) => {
  const logged = t.mock.method(console, "error", () => {});
  const pool = new kelp.Pool();
  const store = new MemoryStore({ chunks: 40, length: 1000 });
  const [file, other] = [await store.open(kelp, { pool }), await store.open(kelp, { pool, concurrency: 1 })];
  const reader = other.stream().getReader();
  const first = await reader.read();
  for (const read of [() => file.bytes(), () => file.stream().getReader().read(), () => file.text()]) {
    arm();
    await assert.rejects(read(), isInternal);
    disarm();
  }
  assert.ok(logged.mock.callCount() >= 3, "it is on the console");
  assert.deepEqual(Buffer.concat([first.value, await rest(reader)]), Buffer.from(contentOf(0, store.size)), "the other stream goes on");
  assert.deepEqual(await (await store.open(kelp, { pool })).bytes(), contentOf(0, store.size), "a file that is opened later");
});

// F110
test("a stream that has trapped stays failed, and can be cancelled", { timeout: 60_000 }, async (t) => {
  t.mock.method(console, "error", () => {});
  const store = new MemoryStore({ chunks: 4, length: 1000 });
  const file = await store.open(kelp, { pool: new kelp.Pool() });
  const reader = file.stream().getReader();
  arm();
  await assert.rejects(reader.read(), isInternal);
  disarm();
  await assert.rejects(reader.read(), isInternal);
  await reader.cancel().catch(() => {});
  file.close();
});

// F110
test("a file whose opening traps fails with internal", { timeout: 60_000 }, async (t) => {
  t.mock.method(console, "error", () => {});
  const open = () => kelp.openUrl("https://store.example/0", { fetch: async () => new Response("abc") });
  arm();
  await assert.rejects(open(), isInternal);
  disarm();
  assert.equal(await (await open()).text(), "abc");
});
