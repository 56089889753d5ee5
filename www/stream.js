// One run: opens a file and reads it to its end. Knows nothing of the page.
import { openFiler, Pool } from "./kelp-stream/index.js";
import { fileUrl } from "./listing.js";
import { volumeServers } from "./store.js";

/** What is kept in memory, at most, to be shown and digested: the page is a demo, the library needs no such thing. */
export const KEPT = 256 * 1024 * 1024;

/** What runs learn of hosts and of the link, each from those before it. */
let pool = new Pool();

/**
 * Lets the next run begin without it. A server that failed is asked last for up to a minute: who brings one back by hand wants
 * to see it at work.
 */
export const forgetHosts = () => { pool = new Pool(); };

/**
 * Streams a file.
 * @param {object} entry a row of the list
 * @param {object} store
 * @param {object} how { width, hedge, budget, decoder, direct, pause } of settings.js, and:
 * @param {AbortSignal} how.signal cancels every request, at once
 * @param {FileSystemFileHandle} [how.handle] where the bytes go instead of memory
 * @param {(file: RemoteFile) => void} how.onOpen
 * @param {(event: StreamEvent) => void} how.onEvent
 * @returns {Promise<Blob | null>} the bytes; null if there are too many to be kept
 */
export async function streamFile(entry, store, { width, hedge, budget, decoder, direct, pause, signal, handle, onOpen, onEvent }) {
  const file = await openFiler(fileUrl(store, entry.path), {
    signal, onEvent, pool, decoder, hedge, concurrency: width, maxBytesAhead: budget,
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
    if (pause) await think(pause, signal);
  }
}

// A slow reader that is cancelled stops thinking.
function think(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
