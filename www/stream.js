// One run: opens a file and reads it to its end. Independent of the page.
import { openFiler, Pool } from "./kelp-stream/index.js";
import { fileUrl } from "./listing.js";
import { volumeServers } from "./store.js";

/** The most bytes that the page keeps in memory, to show and digest them. The library keeps none. */
export const KEPT = 256 * 1024 * 1024;

/** Shared by all runs: what it has measured about hosts and the link serves the next run. */
// No chunk is kept: the page is about requests, and each run makes all of them.
const makePool = () => new Pool({ maxCacheBytes: 0 });
let pool = makePool();

/**
 * Starts the next run without these measurements. A server that failed is avoided for up to a minute; after it is started again by hand it
 * should be used at once.
 */
export const forgetHosts = () => { pool = makePool(); };

/**
 * Streams a file.
 * @param {object} entry a row of the list
 * @param {object} store
 * @param {object} how { concurrency, hedge, budget, decoder, direct, pause } of settings.js, and:
 * @param {AbortSignal} how.signal cancels every request at once
 * @param {FileSystemFileHandle} [how.handle] where the bytes are written, instead of memory
 * @param {(file: RemoteFile) => void} how.onOpen
 * @param {(event: StreamEvent) => void} how.onEvent
 * @returns {Promise<Blob | null>} the bytes; null if there are too many to keep
 */
export async function streamFile(entry, store, { concurrency, hedge, budget, decoder, direct, pause, signal, handle, onOpen, onEvent }) {
  const file = await openFiler(fileUrl(store, entry.path), {
    signal, onEvent, pool, decoder, hedge, concurrency, maxBytesAhead: budget,
    locate: direct ? volumeServers(store) : "proxy",
  });
  onOpen(file);
  if (handle) return saveStream(file, handle, signal);
  return keepStream(file, pause, signal);
}

async function saveStream(file, handle, signal) {
  await file.stream().pipeTo(await handle.createWritable(), { signal });
  return handle.getFile();
}

async function keepStream(file, pause, signal) {
  const kept = file.size <= KEPT ? [] : null;
  const reader = file.stream({ signal }).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return kept && new Blob(kept, { type: file.type });
    kept?.push(value);
    if (pause) await rest(pause, signal);
  }
}

// Ends early if the run is cancelled.
function rest(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
