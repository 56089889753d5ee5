// Decoding: in workers and on the thread of the reader, by WebCrypto and by the codec module.
import { equal, fails, ok, same } from "./assert.mjs";
import { QUICK, readAll, until } from "./helpers.mjs";

const CHUNK = 400_000;
const CHUNKS = 6;
const SIZE = CHUNK * CHUNKS;

const hasSubtle = globalThis.crypto?.subtle !== undefined;

/** Stores a file whose chunks are compressed and encrypted, unless `more` says otherwise. */
const add = (store, more) => store.addFile({ path: "/f/packed.bin", content: "prose:packed", length: SIZE, chunkSize: CHUNK, cipher: true, gzip: true, replicas: [0, 1], ...more });

/** Opens a file in a pool of its own, and collects what decoded its chunks. */
async function open(kelp, { url }, options) {
  const pool = new kelp.Pool();
  const by = [];
  const onEvent = ({ kind, reason }) => kind === "decoded" && by.push(reason);
  const file = await kelp.openFiler(url, { pool, onEvent, ...options });
  return { pool, by, file };
}

async function readsRight(file, help, { sha256 }) {
  const bytes = await file.bytes();
  equal(bytes.length, file.size, "size");
  equal(await help.sha256(bytes), sha256, "sha256");
}

/** What decodes a chunk that is compressed and encrypted. */
const way = (decoder) => (decoder === "auto" && hasSubtle ? "webcrypto, codec" : "codec");

const eachWay = (where, decoders) => [0, 1, 2].flatMap((workers) => decoders.map((decoder) => ({
  name: `${workers} workers decode with decoder: ${decoder}${where}`, cluster: null, needs: workers > 0 ? "workers" : undefined,
  async run(kelp, store, help) {
    const stored = await add(store);
    const { pool, file, by } = await open(kelp, stored, { workers, decoder });
    await readsRight(file, help, stored);
    const wanted = (workers > 0 ? "worker, " : "") + way(decoder);
    same(by, Array(CHUNKS).fill(wanted), "what decoded the chunks");
    ok(workers > 0 ? file.stats.workers >= 1 && file.stats.workers <= workers : file.stats.workers === 0, `${file.stats.workers} workers`);
    pool.close();
    equal(file.stats.workers, 0, "workers after the pool was closed");
  },
})));

/** For pages that have no WebCrypto, in their workers neither. */
export const insecureWorkers = eachWay(", over http", ["auto"]);

/** Replaces the class of workers until `run` has ended. */
async function withWorkerClass(make, run) {
  const { Worker } = globalThis;
  globalThis.Worker = make(Worker);
  try {
    await run();
  } finally {
    globalThis.Worker = Worker;
  }
}

export const workers = [
  ...eachWay("", ["auto", "wasm"]),
  {
    name: "a worker decodes chunks that are only encrypted", cluster: null, needs: "workers",
    async run(kelp, store, help) {
      const stored = await add(store, { gzip: false });
      for (const decoder of ["auto", "wasm"]) {
        const { pool, file, by } = await open(kelp, stored, { workers: 1, decoder });
        await readsRight(file, help, stored);
        same(by, Array(CHUNKS).fill(decoder === "auto" && hasSubtle ? "worker, webcrypto" : "worker, codec"), "what decoded the chunks");
        pool.close();
      }
    },
  },
  {
    name: "a worker decodes chunks that are only compressed", cluster: null, needs: "workers",
    async run(kelp, store, help) {
      const stored = await add(store, { content: "noise:packed", cipher: false });
      // Otherwise the platform inflates.
      await store.fault({ server: /volume/ }, { headers: { "Content-Encoding": null } });
      const digests = JSON.parse(stored.entry).chunks.map(({ e_tag }) => e_tag);
      const chunks = stored.fileIds.map((fileId, i) => ({ urls: [`${store.volumes[0]}/${fileId}`], offset: i * CHUNK, size: CHUNK, compression: "gzip", md5: digests[i] }));
      for (const workers of [0, 1]) {
        const pool = new kelp.Pool();
        const by = [];
        const file = await kelp.openManifest({ size: SIZE, chunks }, { pool, workers, onEvent: ({ kind, reason }) => kind === "decoded" && by.push(reason) });
        await readsRight(file, help, stored);
        same(by, Array(CHUNKS).fill(workers > 0 ? "worker, codec" : "codec"), "what decoded the chunks");
        pool.close();
      }
      const wrong = chunks.map((chunk) => ({ ...chunk, md5: digests[5] }));
      const pool = new kelp.Pool();
      const file = await kelp.openManifest({ size: SIZE, chunks: wrong }, { pool, workers: 1, ...QUICK });
      await fails(kelp, "corrupt", () => file.bytes(), "a wrong MD5");
      pool.close();
    },
  },
  {
    name: "small chunks are decoded on the thread of the reader", cluster: null,
    async run(kelp, store, help) {
      const stored = await add(store, { length: 60_000, chunkSize: 20_000 });
      const { pool, file, by } = await open(kelp, stored, { workers: 2 });
      await readsRight(file, help, stored);
      same(by, Array(3).fill(way("auto")), "what decoded the chunks");
      pool.close();
    },
  },
  {
    name: "without a number, the first chunks do not wait for a worker", cluster: null,
    async run(kelp, store, help) {
      const stored = await add(store);
      const { pool, file, by } = await open(kelp, stored, {});
      await readsRight(file, help, stored);
      equal(by[0], way("auto"), "what decoded the first chunk");
      await readsRight(file, help, stored);
      pool.close();
    },
  },
  {
    name: "the workers of a pool are those of the option of the pool", cluster: null,
    async run(kelp, store, help) {
      const stored = await add(store);
      const pool = new kelp.Pool({ workers: 0 });
      const { file, by } = await open(kelp, stored, { pool });
      await readsRight(file, help, stored);
      same(by, Array(CHUNKS).fill(way("auto")), "what decoded the chunks");
      pool.close();
    },
  },
  {
    name: "a worker finds a wrong tag, and no byte is delivered", cluster: null, needs: "workers",
    async run(kelp, store) {
      const stored = await add(store);
      await store.fault({ path: /proxyChunkId/ }, { corrupt: 3000 });
      for (const decoder of ["auto", "wasm"]) {
        const { pool, file } = await open(kelp, stored, { workers: 1, decoder, ...QUICK });
        const { bytes, error } = await readAll(file.stream());
        await fails(kelp, "corrupt", Promise.reject(error));
        equal(bytes.length, 0, "bytes delivered");
        pool.close();
      }
    },
  },
  {
    name: "arrays of the user's fetch are not detached", cluster: null,
    async run(kelp, store, help) {
      const stored = await add(store);
      const kept = [];
      const { fetch } = globalThis;
      const own = async (url, init) => {
        const response = await fetch(url, init);
        const bytes = new Uint8Array(await response.arrayBuffer());
        kept.push({ bytes, length: bytes.length });
        return new Response(new ReadableStream({ start(controller) { controller.enqueue(bytes); controller.close(); } }), { status: response.status });
      };
      for (const workers of [0, 1]) {
        const { pool, file } = await open(kelp, stored, { workers, fetch: own });
        await readsRight(file, help, stored);
        pool.close();
      }
      ok(kept.length > CHUNKS, "it was called");
      ok(kept.every(({ bytes, length }) => bytes.length === length), "every array has its bytes");
    },
  },
  {
    name: "a stream that is cancelled leaves no chunk in the workers", cluster: null,
    async run(kelp, store, help) {
      const stored = await add(store);
      const { pool, file } = await open(kelp, stored, { workers: 1 });
      for (let i = 0; i < 5; i++) {
        const reader = file.stream().getReader();
        await reader.read();
        await reader.cancel();
      }
      await readsRight(file, help, stored);
      equal(pool.bytes, 0, "bytes of the pool");
      pool.close();
    },
  },
  {
    name: "a worker that is killed is replaced", cluster: null, needs: "a global Worker",
    async run(kelp, store, help) {
      const stored = await add(store);
      let deaths = 0, started = 0;
      const dying = (Worker) => class extends Worker {
        constructor(...args) {
          super(...args);
          started++;
        }

        postMessage(message, transfer) {
          super.postMessage(message, transfer);
          if (message.id === undefined || deaths > 0) return;
          deaths++;
          this.terminate();
          setTimeout(() => this.dispatchEvent(new Event("error")), 5);
        }
      };
      await withWorkerClass(dying, async () => {
        const { pool, file, by } = await open(kelp, stored, { workers: 1 });
        await readsRight(file, help, stored);
        same([deaths, started], [1, 2], "deaths and workers");
        same(by, Array(CHUNKS).fill(`worker, ${way("auto")}`), "what decoded the chunks");
        equal(file.stats.failovers, 0, "no replica is to blame");
        pool.close();
      });
    },
  },
  {
    name: "a worker that never answers is replaced", cluster: null, needs: "a global Worker",
    async run(kelp, store, help) {
      const stored = await add(store);
      let swallowed = 0;
      const deaf = (Worker) => class extends Worker {
        postMessage(message, transfer) {
          if (message.id === undefined || swallowed > 0) super.postMessage(message, transfer);
          else swallowed++;
        }
      };
      const { setTimeout } = globalThis;
      // The time for a chunk of half a MiB; other timers of the package are longer or shorter.
      globalThis.setTimeout = (act, ms, ...args) => setTimeout(act, ms > 10_000 && ms < 12_000 ? 100 : ms, ...args);
      try {
        await withWorkerClass(deaf, async () => {
          const { pool, file } = await open(kelp, stored, { workers: 1 });
          await readsRight(file, help, stored);
          equal(swallowed, 1, "chunks without an answer");
          pool.close();
        });
      } finally {
        globalThis.setTimeout = setTimeout;
      }
    },
  },
  {
    name: "where no worker starts, the thread of the reader decodes", cluster: null, needs: "a global Worker",
    async run(kelp, store, help) {
      const stored = await add(store);
      const broken = () => class { constructor() { throw new DOMException("not here", "SecurityError"); } };
      await withWorkerClass(broken, async () => {
        const { pool, file, by } = await open(kelp, stored, { workers: 2 });
        await readsRight(file, help, stored);
        same(by, Array(CHUNKS).fill(way("auto")), "what decoded the chunks");
        equal(file.stats.workers, 0, "workers");
        pool.close();
      });
    },
  },
  {
    name: "decoding without workers lets other tasks run", cluster: null, needs: "a page",
    async run(kelp, store) {
      const stored = await add(store, { length: 24 << 20, chunkSize: 24 << 20 });
      // The machine does other things too, so the best of three counts, and the limit is not 8 ms. Without pauses the gap is about as
      // long as the decoding, which takes more than 100 ms.
      const shares = [];
      for (let i = 0; i < 3; i++) shares.push(await longestGap(kelp, stored));
      ok(Math.min(...shares) < 0.5, `the longest gaps, as parts of the time of decoding, were ${shares}`);
    },
  },
];

/** The longest time for which no message of the page came while a file was read, as a part of the time for which decoding took. */
async function longestGap(kelp, stored) {
  const { pool, file } = await open(kelp, stored, { workers: 0, decoder: "wasm" });
  let last = performance.now(), longest = 0, isOver = false;
  const { port1, port2 } = new MessageChannel();
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  port1.onmessage = () => {
    tick();
    if (!isOver) port2.postMessage(0);
  };
  port2.postMessage(0);
  const reader = file.stream().getReader();
  while (!(await reader.read()).done);
  isOver = true;
  tick();
  pool.close();
  return longest / file.stats.waits.decode;
}
