// Decoded chunks that are kept, and reads that share a fetch.
import { equal, fails, ok, same, sameBytes } from "./assert.mjs";
import { joined, readAll, until } from "./helpers.mjs";

const CHUNK = 200_000;
const SIZE = 4 * CHUNK;

const add = (store, more) => store.addFile({ path: "/f/kept.bin", content: "noise:kept", length: SIZE, chunkSize: CHUNK, cipher: true, ...more });
const requests = async (store) => (await store.chunkRequests()).length;

/** A file of encrypted chunks in a pool of its own, and its bytes. */
async function open(kelp, store, help, limits = {}, options = {}) {
  const { url } = await add(store);
  const pool = new kelp.Pool(limits);
  const file = await kelp.openFiler(url, { pool, locate: store.locateOn(0), ...options });
  return { url, pool, file, right: await help.content("noise:kept", SIZE) };
}

export const kept = [
  {
    // F186
    name: "a read that a kept chunk covers makes no request", cluster: null,
    async run(kelp, store, help) {
      for (const packing of [{ cipher: true }, { cipher: true, gzip: true }]) {
        const { url } = await add(store, packing);
        const right = await help.content("noise:kept", SIZE);
        const pool = new kelp.Pool();
        const file = await kelp.openFiler(url, { pool, locate: store.locateOn(0) });
        await store.resetLog();
        for (const start of [10, 5000, 150_000, 2 * CHUNK + 7, 70]) {
          sameBytes(await file.bytes({ start, end: start + 1000 }), right.subarray(start, start + 1000), `at ${start}`);
        }
        same([await requests(store), file.stats.cacheHits, pool.cachedBytes, pool.bytes], [2, 3, 2 * CHUNK, 0], "requests, hits, bytes kept and held");
        // Across a chunk that is kept and one that is not.
        sameBytes(await file.bytes({ start: CHUNK - 9, end: CHUNK + 9 }), right.subarray(CHUNK - 9, CHUNK + 9), "across two chunks");
        same([await requests(store), file.stats.cacheHits], [3, 4], "requests, hits");
        pool.close();
        equal(pool.cachedBytes, 0, "bytes kept by a closed pool");
      }
    },
  },
  {
    // F193
    name: "what a reader does with its bytes harms no kept chunk", cluster: null,
    async run(kelp, store, help) {
      const { file, right } = await open(kelp, store, help);
      const range = { start: 1000, end: 1000 + CHUNK };
      const wanted = right.subarray(range.start, range.end);
      const harm = (bytes) => {
        bytes.fill(0);
        structuredClone(bytes, { transfer: [bytes.buffer] });
      };
      for (let i = 0; i < 3; i++) {
        const bytes = await file.bytes(range);
        sameBytes(bytes, wanted, `bytes() ${i}`);
        harm(bytes);
        const reader = file.stream(range).getReader();
        const pieces = [];
        for (let next; !(next = await reader.read()).done; harm(next.value)) pieces.push(next.value.slice());
        sameBytes(joined(pieces), wanted, `stream() ${i}`);
      }
      equal(await requests(store), 2, "requests");
    },
  },
  {
    name: "a BYOB reader reads kept chunks", cluster: null, needs: "byte streams",
    async run(kelp, store, help) {
      const { file, right } = await open(kelp, store, help);
      for (let i = 0; i < 2; i++) {
        const reader = file.stream({ start: 5, end: 250_000 }).getReader({ mode: "byob" });
        const pieces = [];
        for (let buffer = new ArrayBuffer(10_000); ;) {
          const { done, value } = await reader.read(new Uint8Array(buffer));
          if (done) break;
          pieces.push(value.slice());
          buffer = value.buffer;
        }
        sameBytes(joined(pieces), right.subarray(5, 250_000), `time ${i}`);
      }
      equal(await requests(store), 2, "requests");
    },
  },
  {
    // F188
    name: "reads of one chunk at the same time share its fetch", cluster: null,
    async run(kelp, store, help) {
      const { url, pool, file, right } = await open(kelp, store, help);
      const other = await kelp.openFiler(url, { pool, locate: store.locateOn(0) });
      await store.setLatency(100);
      await store.resetLog();
      const starts = Array.from({ length: 12 }, (_, i) => i * 10_000);
      const read = await Promise.all(starts.map((start) => file.bytes({ start, end: start + 1 })));
      same(read.map(([byte]) => byte), starts.map((start) => right[start]), "bytes");
      same([await requests(store), file.stats.cacheHits, pool.inFlight, pool.bytes], [1, 11, 0, 0], "requests, hits, views and bytes held");
      equal(other.stats.cacheHits, 0, "hits of another file");
    },
  },
  {
    // F189
    name: "a shared fetch outlives the reader that began it", cluster: null,
    async run(kelp, store, help) {
      const { file, right } = await open(kelp, store, help, {}, { hedge: false });
      await store.setLatency(200);
      await store.resetLog();
      const first = file.stream({ start: 0, end: 10 }).getReader();
      const begun = first.read();
      await until(async () => (await requests(store)) === 1, "a request is sent");
      const second = file.bytes({ start: 50, end: 90 });
      await first.cancel();
      await begun;
      sameBytes(await second, right.subarray(50, 90), "the second read");
      equal(await requests(store), 1, "requests");
      // Without one that waits it ends.
      const abort = new AbortController();
      const third = file.bytes({ start: CHUNK, end: CHUNK + 1, signal: abort.signal });
      await until(async () => (await requests(store)) === 2, "a request is sent");
      abort.abort(new Error("enough"));
      ok(await third.then(() => false, () => true), "it is aborted");
      await until(async () => (await store.inFlight()) === 0, "nothing is in flight");
    },
  },
  {
    // F190
    name: "after a shared fetch failed each read tries itself", cluster: null,
    async run(kelp, store, help) {
      const { url, fileIds } = await add(store);
      const right = await help.content("noise:kept", SIZE);
      const pool = new kelp.Pool();
      const openWith = (passes) => kelp.openFiler(url, { pool, retry: { passes, baseDelay: 1 } });
      const [once, often] = await Promise.all([openWith(1), openWith(3)]);
      await store.setLatency(100);
      const fault = await store.fault({ fileId: fileIds[0], times: 1 }, { status: 500 });
      const first = once.bytes({ start: 0, end: 10 });
      first.catch(() => {});
      await until(async () => (await requests(store)) > 0, "a request is sent");
      const second = often.bytes({ start: 20, end: 30 });
      await fails(kelp, "http", first, "the first read");
      sameBytes(await second, right.subarray(20, 30), "the second read");
      equal(await fault.hits(), 1, "faults");
    },
  },
  {
    // F187
    name: "a download fills free room and pushes out nothing", cluster: null,
    async run(kelp, store, help) {
      const { pool, file, right } = await open(kelp, store, help, { maxCacheBytes: 2.5 * CHUNK });
      await file.bytes({ start: 50, end: 60 });
      const { bytes } = await readAll(file.stream());
      sameBytes(bytes, right, "the whole");
      equal(pool.cachedBytes, 2 * CHUNK, "bytes kept");
      await store.resetLog();
      await file.bytes({ start: 1050, end: 1060 });
      equal(await requests(store), 0, "requests for the chunk that was used before");
      for (const start of [2 * CHUNK, 3 * CHUNK, 0]) await file.bytes({ start, end: start + 9 });
      ok(pool.cachedBytes <= 2.5 * CHUNK, `${pool.cachedBytes} bytes kept`);
    },
  },
  {
    name: "with maxCacheBytes 0 nothing is kept or shared", cluster: null,
    async run(kelp, store, help) {
      const { pool, file } = await open(kelp, store, help, { maxCacheBytes: 0 });
      await store.resetLog();
      await Promise.all([file.bytes({ start: 0, end: 1 }), file.bytes({ start: 2, end: 3 })]);
      await file.bytes({ start: 0, end: 1 });
      same([await requests(store), file.stats.cacheHits, pool.cachedBytes], [3, 0, 0], "requests, hits, bytes kept");
    },
  },
  {
    // F193
    name: "pools share no chunk, and a key is needed for one", cluster: null,
    async run(kelp, store, help) {
      const { entry, url, fileIds } = await add(store);
      const right = await help.content("noise:kept", SIZE);
      const pool = new kelp.Pool();
      const read = async (file) => sameBytes(await file.bytes({ start: 10, end: 20 }), right.subarray(10, 20), "bytes");
      const first = await kelp.openFiler(url, { pool });
      await store.resetLog();
      await read(first);
      await read(await kelp.openFiler(url, { pool }));
      equal(await requests(store), 1, "requests for the file and for itself, opened again");
      await read(await kelp.openFiler(url, { pool: new kelp.Pool() }));
      equal(await requests(store), 2, "requests with another pool");
      // An entry that names the chunk with another key, and one without: neither gets the bytes.
      const planted = JSON.parse(entry);
      for (const key of [btoa("k".repeat(32)), undefined]) {
        for (const chunk of planted.chunks) chunk.cipher_key = key;
        const attacker = await kelp.openEntry(JSON.stringify(planted), { filer: store.filer, pool, verify: "off", retry: { passes: 1 } });
        const got = await attacker.bytes({ start: 10, end: 20 }).catch(() => new Uint8Array(10));
        ok(got.some((byte, i) => byte !== right[10 + i]), `the bytes of ${fileIds[0]} are delivered`);
      }
    },
  },
];
