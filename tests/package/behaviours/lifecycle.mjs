// The end of files and pools, and what streams of a pool share.
import { equal, fails, ok, rejects, rejectsWith, same, sameBytes, throws } from "./assert.mjs";
import { readAll, until } from "./helpers.mjs";

const SIZE = 1_000_000;
const CHUNK = 16_384;

const add = (store, name = "life") => store.addFile({ path: `/f/${name}.bin`, content: `noise:${name}`, length: SIZE, chunkSize: CHUNK });
const idle = async (store) => (await store.inFlight()) === 0;

/** Starts a stream whose requests hang. `end` is the promise of its end. */
async function hanging(store, file) {
  await store.fault({ path: /proxyChunkId/ }, { stall: 100 });
  const reading = readAll(file.stream());
  await until(async () => (await store.inFlight()) > 0, "requests are in flight");
  return { end: reading };
}

export const lifecycle = [
  {
    name: "closing a file fails its streams and later calls", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      const file = await kelp.openFiler(url);
      const unread = file.stream().getReader();
      const { end } = await hanging(store, file);
      file.close();
      await fails(kelp, "closed", end.then(({ error }) => Promise.reject(error)), "a stream");
      await fails(kelp, "closed", unread.read(), "a stream that was not read");
      await until(() => idle(store), "nothing is in flight");
      for (const way of ["bytes", "arrayBuffer", "blob", "text", "response"]) await fails(kelp, "closed", () => file[way](), way);
      for (const way of ["stream", "plan"]) equal(throws(kelp.KelpError, () => file[way](), way).code, "closed", way);
      file.close();
      equal(file.size, SIZE, "its properties remain");
      equal(file.stats.inFlight, 0, "stats.inFlight");
      equal(file.stats.bytesAhead, 0, "stats.bytesAhead");
    },
  },
  {
    name: "leaving a using scope closes the file", cluster: null,
    async run(kelp, store) {
      if (!Symbol.dispose) return;
      const file = await kelp.openFiler((await add(store)).url);
      file[Symbol.dispose]();
      await fails(kelp, "closed", () => file.bytes());
    },
  },
  {
    name: "closing does not affect a stream that has ended", cluster: null,
    async run(kelp, store, help) {
      const file = await kelp.openFiler((await add(store)).url);
      const { bytes, error } = await readAll(file.stream());
      file.close();
      equal(error, null, "error");
      sameBytes(bytes, await help.content("noise:life", SIZE));
    },
  },
  {
    name: "two files share the budget of a pool", cluster: null,
    async run(kelp, store, help) {
      // Less than one stream alone would use.
      const limit = 8 * CHUNK;
      const pool = new kelp.Pool({ maxBytes: limit });
      same([pool.bytes, pool.peakBytes, pool.inFlight], [0, 0, 0], "a new pool");
      const names = ["one", "two"];
      const files = await Promise.all(names.map(async (name) => kelp.openFiler((await add(store, name)).url, { pool, concurrency: 20 })));
      await store.setLatency(5);
      const read = await Promise.all(files.map((file) => file.bytes()));
      for (const [i, name] of names.entries()) sameBytes(read[i], await help.content(`noise:${name}`, SIZE), name);
      // The bytes that a reader needs next are exempt.
      ok(pool.peakBytes > CHUNK && pool.peakBytes <= limit + 2 * CHUNK, `peakBytes ${pool.peakBytes} of ${limit}`);
      same([pool.bytes, pool.inFlight], [0, 0], "the pool afterwards");
    },
  },
  {
    name: "a pool limits the views in flight of all its streams", cluster: null,
    async run(kelp, store, help) {
      const pool = new kelp.Pool({ maxConcurrency: 3 });
      const urls = await Promise.all(["one", "two", "three"].map(async (name) => (await add(store, name)).url));
      const files = await Promise.all(urls.map((url) => kelp.openFiler(url, { pool, concurrency: 4 })));
      await store.fault({ path: /proxyChunkId/ }, { stall: 100 });
      const leaving = new AbortController();
      const reading = files.map((file) => readAll(file.stream({ signal: leaving.signal })));
      // The head of each stream is exempt.
      await until(async () => (await store.chunkRequests()).length >= 3 && pool.inFlight >= 3, "the pool is full");
      ok(pool.inFlight <= 3, `${pool.inFlight} in flight`);
      ok((await store.chunkRequests()).length <= 3, `${(await store.chunkRequests()).length} requests`);
      leaving.abort();
      await Promise.all(reading);
      await until(() => idle(store), "nothing is in flight");
      equal(pool.inFlight, 0, "in flight afterwards");
    },
  },
  {
    name: "an idle stream does not block another of its pool", cluster: null,
    async run(kelp, store, help) {
      const pool = new kelp.Pool({ maxBytes: 4 * CHUNK, maxConcurrency: 4 });
      const [lazy, eager] = await Promise.all(["lazy", "eager"].map(async (name) => kelp.openFiler((await add(store, name)).url, { pool })));
      const reader = lazy.stream().getReader();
      await reader.read();
      await until(async () => pool.bytes >= 3 * CHUNK && lazy.stats.inFlight === 0, "the idle stream holds the budget");
      sameBytes(await eager.bytes(), await help.content("noise:eager", SIZE), "the other stream");
      await reader.cancel();
    },
  },
  {
    // F202
    name: "a closed pool opens no file and sends no request", cluster: null,
    async run(kelp, store) {
      const pool = new kelp.Pool();
      const { url } = await add(store);
      pool.close();
      await fails(kelp, "closed", kelp.openFiler(url, { pool }));
      await fails(kelp, "closed", kelp.openUrl(url, { pool }));
      same(await store.requests(), [], "requests");
    },
  },
  {
    name: "closing a pool fails all its streams", cluster: null,
    async run(kelp, store, help) {
      const pool = new kelp.Pool();
      const { url } = await add(store);
      const files = await Promise.all([1, 2].map(() => kelp.openFiler(url, { pool })));
      const other = await kelp.openFiler(url);
      const fault = await store.fault({ path: /proxyChunkId/ }, { stall: 100 });
      const reading = files.map((file) => readAll(file.stream()));
      await until(async () => pool.inFlight > 1, "requests are in flight");
      pool.close();
      for (const end of reading) await fails(kelp, "closed", end.then(({ error }) => Promise.reject(error)));
      await until(() => idle(store), "nothing is in flight");
      same([pool.bytes, pool.inFlight], [0, 0], "the pool afterwards");
      await fault.remove();
      await fails(kelp, "closed", files[0].bytes(), "a later stream");
      sameBytes(await other.bytes(), await help.content("noise:life", SIZE), "a file of another pool");
      pool.close();
    },
  },
  {
    name: "aborting during open rejects with the reason", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      await store.fault({ path: "/f/life.bin" }, { latency: 60_000 });
      const leaving = new AbortController();
      const reason = { why: "the user left" };
      const opening = kelp.openFiler(url, { signal: leaving.signal });
      opening.catch(() => {});
      await until(async () => (await store.inFlight()) === 1, "the entry is requested");
      leaving.abort(reason);
      await rejectsWith(reason, opening);
      await until(() => idle(store), "nothing is in flight");
      equal((await store.requests())[0].state, "aborted", "the request");
    },
  },
  {
    name: "an aborted signal sends no request", cluster: null,
    async run(kelp, store) {
      const { url, entry } = await add(store);
      const file = await kelp.openFiler(url);
      await store.resetLog();
      const reason = new Error("too late");
      const signal = AbortSignal.abort(reason);
      await rejectsWith(reason, () => kelp.openFiler(url, { signal }), "openFiler");
      await rejectsWith(reason, () => kelp.openUrl(url, { signal }), "openUrl");
      await rejectsWith(reason, () => kelp.openEntry(entry, { signal, filer: store.filer }), "openEntry");
      await rejectsWith(reason, () => kelp.openManifest({ size: 0, chunks: [] }, { signal }), "openManifest");
      for (const way of ["bytes", "arrayBuffer", "blob", "text"]) await rejectsWith(reason, () => file[way]({ signal }), way);
      await rejectsWith(reason, () => file.stream({ signal }).getReader().read(), "stream");
      same(await store.requests(), [], "requests");
    },
  },
  {
    name: "the signal of a file ends its streams with its reason", cluster: null,
    async run(kelp, store) {
      const leaving = new AbortController();
      const file = await kelp.openFiler((await add(store)).url, { signal: leaving.signal });
      const { end } = await hanging(store, file);
      const reason = Symbol("left");
      leaving.abort(reason);
      ok((await end).error === reason, "the reason itself");
      await until(() => idle(store), "nothing is in flight");
      await rejectsWith(reason, () => file.bytes(), "a later call");
    },
  },
  {
    name: "aborting a read ends only its own requests", cluster: null,
    async run(kelp, store, help) {
      const { url, fileIds } = await add(store);
      const file = await kelp.openFiler(url);
      await store.fault({ fileId: fileIds[0] }, { stall: 100 });
      const right = (await help.content("noise:life", SIZE)).subarray(CHUNK);
      for (const way of ["bytes", "arrayBuffer", "blob", "text"]) {
        const leaving = new AbortController();
        const reading = file[way]({ signal: leaving.signal });
        reading.catch(() => {});
        await until(async () => (await store.inFlight()) >= 1, "the first chunk hangs");
        const other = file.bytes({ start: CHUNK });
        leaving.abort(way);
        await rejectsWith(way, reading, way);
        sameBytes(await other, right, "a stream of the same file");
        await until(() => idle(store), "nothing is in flight");
      }
    },
  },
  {
    name: "aborting after the end changes nothing", cluster: null,
    async run(kelp, store, help) {
      const leaving = new AbortController();
      const file = await kelp.openFiler((await add(store)).url);
      const bytes = await file.bytes({ signal: leaving.signal });
      leaving.abort(new Error("too late"));
      sameBytes(bytes, await help.content("noise:life", SIZE));
      sameBytes(await file.bytes({ end: 10 }), bytes.subarray(0, 10));
      await rejects(Error, () => file.bytes({ signal: leaving.signal }));
    },
  },
];
