// Started by memory.test.mjs with --expose-gc: runs one scenario and prints its result as JSON.
import { setMaxListeners } from "node:events";
import { MemoryStore } from "../behaviours/memory-store.mjs";
import { importPackage } from "../support.mjs";

const [course] = process.argv.slice(2);
const [WARM, CYCLES] = [2000, 10_000];

// The memory of the wasm module, which the package does not expose.
let memory;
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const made = await instantiate(...args);
  // The codec has a memory too, but no imports.
  if (args[1]?.b) memory ??= Object.values((made.instance ?? made).exports).find((each) => each instanceof WebAssembly.Memory);
  return made;
};

const kelp = await importPackage();
await kelp.init();

// Running timers of the package: the module looks up the global functions at each call.
const timers = new Set();
const { setTimeout, clearTimeout } = globalThis;
globalThis.setTimeout = (call, ms) => {
  const id = setTimeout(() => { timers.delete(id); call(); }, ms);
  timers.add(id);
  return id;
};
globalThis.clearTimeout = (id) => {
  timers.delete(id);
  clearTimeout(id);
};

// One signal for all files, as in an application. A stream that is dropped does not stop listening.
const { signal } = new AbortController();
setMaxListeners(0, signal);
let listeners = 0;
for (const [method, change] of [["addEventListener", 1], ["removeEventListener", -1]]) {
  signal[method] = (...args) => {
    listeners += change;
    EventTarget.prototype[method].apply(signal, args);
  };
}

const tick = (ms = 0) => new Promise((wake) => setTimeout(wake, ms));

/** Runs the garbage collector several times: freeing a wasm object may release JavaScript objects, and vice versa. */
async function collect() {
  for (let i = 0; i < 8; i++) {
    globalThis.gc();
    await tick(5);
  }
}

let requests = 0;
const running = new Set();
function watched(store) {
  return (url, init) => {
    requests++;
    const response = store.fetch(url, init);
    running.add(store.requests.at(-1));
    return response;
  };
}

/** How many requests have neither ended nor been aborted. */
function inFlight() {
  for (const request of running) if (request.isOver || request.signal.aborted) running.delete(request);
  return running.size;
}

const cycle = {
  async cancelled(file) {
    const reader = file.stream({ signal }).getReader();
    await reader.read();
    await reader.cancel();
  },
  unread: (file) => file.stream({ signal }).cancel(),
  async aborted(file) {
    const leaving = new AbortController();
    const reader = file.stream({ signal: leaving.signal }).getReader();
    await reader.read();
    leaving.abort();
    await reader.read().catch(() => {});
  },
  async read(file) {
    const reader = file.stream({ signal }).getReader();
    while (!(await reader.read()).done);
  },
  async failed(file, store) {
    store.faults.set(1, new Error("no network"));
    await file.bytes({ signal }).catch(() => {});
    await kelp.openUrl("https://store.example/1", { fetch: watched(store), retry: { passes: 1 }, signal }).catch(() => {});
  },
  bytes: (file) => file.bytes({ signal }),
};

async function cycles(run) {
  const before = {};
  const pool = new kelp.Pool();
  const measure = async () => {
    await collect();
    return { heap: process.memoryUsage().heapUsed, pages: memory.buffer.byteLength / 65_536 };
  };
  for (let i = 0; i < CYCLES; i++) {
    if (i === WARM) Object.assign(before, await measure());
    const store = new MemoryStore({ chunks: 3, length: 100 });
    const file = await store.open(kelp, { fetch: watched(store), retry: { passes: 1 }, signal, pool, onEvent() {} });
    await run(file, store);
    // Files are not closed: finalizers free them, which run between turns only.
    if (i % 500 === 0) await collect();
    inFlight();
  }
  const after = await measure();
  const both = (name) => ({ before: before[name], after: after[name] });
  return { cycles: CYCLES, heap: both("heap"), pages: both("pages"), timers: timers.size, listeners, inFlight: inFlight(), requests };
}

/** A file whose chunks workers decode: it is cancelled after its first chunk, or before. */
async function cancelledInWorkers() {
  const { createCipheriv, randomBytes } = await import("node:crypto");
  const plain = randomBytes(40_000);
  const [key, nonce] = [randomBytes(32), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const chunks = Array.from({ length: 3 }, (_, i) => ({ urls: [`https://store.example/${i}`], offset: i * plain.length, size: plain.length, key: new Uint8Array(key) }));
  const pool = new kelp.Pool({ workers: 2 });
  const threads = () => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
  const before = {};
  const measure = async () => {
    await collect();
    return { heap: process.memoryUsage().heapUsed, pages: memory.buffer.byteLength / 65_536 };
  };
  let workers = 0;
  for (let i = 0; i < CYCLES; i++) {
    if (i === WARM) Object.assign(before, await measure());
    const fetch = () => Promise.resolve(new Response(sealed));
    const file = await kelp.openManifest({ size: 3 * plain.length, chunks }, { fetch, pool, signal, decoder: i % 2 ? "wasm" : "auto" });
    const reader = file.stream({ signal }).getReader();
    const first = reader.read();
    if (i % 3 > 0) await first;
    else await tick();
    workers = Math.max(workers, file.stats.workers);
    await reader.cancel();
    await first.catch(() => {});
    file.close();
    if (i % 500 === 0) await collect();
    inFlight();
  }
  const after = await measure();
  const bytes = pool.bytes;
  pool.close();
  await tick(100);
  return { cycles: CYCLES, heap: [before.heap, after.heap], pages: [before.pages, after.pages], timers: timers.size, listeners, workers, bytes, threads: threads() };
}

/** Drops files and streams without closing them while their look-ahead hangs. */
const dropped = {
  file: (file) => file,
  "unread stream": (file) => file.stream({ signal }),
  async "stream"(file) {
    const stream = file.stream();
    await readSome(stream);
    return stream;
  },
  async "stream with a signal"(file) {
    const stream = file.stream({ signal });
    await readSome(stream);
    return stream;
  },
  async "reader"(file) {
    const reader = file.stream({ signal }).getReader();
    await reader.read();
    return reader;
  },
  async "branch of a tee"(file) {
    const [branch] = file.stream().tee();
    await readSome(branch);
    return branch;
  },
  async "iteration"(file) {
    const pieces = file.stream()[Symbol.asyncIterator]();
    await pieces.next();
    return pieces;
  },
};

async function readSome(stream) {
  const reader = stream.getReader();
  await reader.read();
  reader.releaseLock();
}

// F151: functions of the user's that refer to the file.
const entry = { file_id: "3,01637037d6", size: 16, modified_ts_ns: 1 };
const referring = {
  onEvent: (refer) => ({ onEvent: refer }),
  onProgress: (refer) => ({ onProgress: refer }),
  fetch: (refer, store) => ({ fetch: (...args) => (refer(), store.fetch(...args)) }),
  locate: (refer) => ({ locate: () => (refer(), { urls: ["https://store.example/1"] }) }),
  token: (refer) => ({ token: () => (refer(), "t") }),
  filerToken: (refer) => ({ filerToken: () => (refer(), "t") }),
};

/** Opens a file with such a function, reads some of it, and returns the file or its stream. */
const withReference = (options, isStream) => async (_, store) => {
  let file;
  const own = options(() => file, store);
  const isEntry = !("fetch" in own) && !("onEvent" in own) && !("onProgress" in own);
  file = isEntry
    ? await kelp.openEntry(JSON.stringify({ FullPath: "/a", chunks: [entry] }), { filer: "https://store.example/", fetch: store.fetch, signal, ...own })
    : await store.open(kelp, { signal, ...own });
  const stream = file.stream();
  await readSome(stream).catch(() => {});
  return isStream ? stream : file;
};
for (const [name, options] of Object.entries(referring)) {
  dropped[`file to which ${name} refers`] = withReference(options, false);
  dropped[`stream of a file to which ${name} refers`] = withReference(options, true);
}

async function drop() {
  const found = { kept: [], inFlight: {} };
  for (const [what, make] of Object.entries(dropped)) {
    const store = new MemoryStore();
    store.hangFrom(1);
    const held = await (async () => new WeakRef(await make(await store.open(kelp, { signal }), store)))();
    await collect();
    if (held.deref() !== undefined) found.kept.push(what);
    if (store.inFlight > 0) found.inFlight[what] = store.inFlight;
  }
  return found;
}

const courses = { dropped: drop, workers: cancelledInWorkers };
console.log(JSON.stringify(await (courses[course] ?? (() => cycles(cycle[course])))()));
process.exit(0);
