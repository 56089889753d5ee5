// A trap of the wasm module: what was at work fails, others go on. An exception that comes out of an import through the module's frames
// leaves it as a trap does, and can be caused from outside.
import { equal, ok, sameBytes } from "./assert.mjs";
import { contentOf, MemoryStore } from "./memory-store.mjs";

/** Runs `read` while the module cannot send a request. It must fail with `internal`, and say so on the console if nothing else can. */
async function trapping(kelp, read) {
  const { AbortController } = globalThis;
  globalThis.AbortController = class {
    constructor() {
      throw new Error("a trap");
    }
  };
  try {
    await read();
  } catch (error) {
    ok(error instanceof kelp.KelpError && error.code === "internal" && !error.retryable, `${error}`);
    return;
  } finally {
    globalThis.AbortController = AbortController;
  }
  throw new Error("it did not fail");
}

/** Runs `run` with a console of its own; resolves to the number of errors that it got. */
async function withConsole(run) {
  const { error } = console;
  let count = 0;
  console.error = () => count++;
  try {
    await run();
  } finally {
    console.error = error;
  }
  return count;
}

async function rest(reader) {
  const pieces = [];
  for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value);
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

export const traps = [
  {
    // F110
    name: "a stream that traps fails with internal, and others go on", cluster: null,
    async run(kelp) {
      const pool = new kelp.Pool();
      const store = new MemoryStore({ chunks: 40, length: 1000 });
      const [file, other] = [await store.open(kelp, { pool }), await store.open(kelp, { pool, concurrency: 1 })];
      const reader = other.stream().getReader();
      const first = await reader.read();
      const logged = await withConsole(async () => {
        for (const read of [() => file.bytes(), () => file.stream().getReader().read(), () => file.text()]) await trapping(kelp, read);
      });
      ok(logged >= 3, `${logged} errors on the console`);
      sameBytes(await rest(reader), contentOf(first.value.length, store.size), "the other stream goes on");
      sameBytes(await (await store.open(kelp, { pool })).bytes(), contentOf(0, store.size), "a file that is opened later");
      sameBytes(await (await store.open(kelp, { pool: new kelp.Pool() })).bytes(), contentOf(0, store.size), "a file of another pool");
    },
  },
  {
    // F110
    name: "a stream that has trapped stays failed, and can be cancelled", cluster: null,
    async run(kelp) {
      const file = await new MemoryStore({ chunks: 4, length: 1000 }).open(kelp, { pool: new kelp.Pool() });
      const reader = file.stream().getReader();
      await withConsole(async () => {
        await trapping(kelp, () => reader.read());
        const again = await reader.read().catch((error) => error);
        equal(again.code, "internal", "the next read");
        await reader.cancel().catch(() => {});
        file.close();
        // What was woken in the middle of its step traps again.
        await new Promise((wake) => setTimeout(wake, 0));
      });
    },
  },
  {
    // F110
    name: "a trap does not hold up what was woken after it", cluster: null,
    async run(kelp) {
      const store = new MemoryStore({ chunks: 4, length: 1000 });
      const [file, other] = [await store.open(kelp, { pool: new kelp.Pool() }), await store.open(kelp, { pool: new kelp.Pool() })];
      await withConsole(async () => {
        await trapping(kelp, () => file.bytes());
        // It is woken and traps again, and the other one begins in the same turn.
        file.close();
        const reading = other.bytes();
        let timer;
        const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("the other file is not read on")), 2000)));
        sameBytes(await Promise.race([reading, late]), contentOf(0, store.size), "the other file");
        clearTimeout(timer);
      });
    },
  },
  {
    // F110
    name: "a file whose opening traps fails with internal", cluster: null,
    async run(kelp) {
      const pool = new kelp.Pool();
      const open = () => kelp.openUrl("https://store.example/0", { pool, fetch: async () => new Response("abc") });
      await withConsole(() => trapping(kelp, open));
      equal(await (await open()).text(), "abc", "the next file");
    },
  },
];
