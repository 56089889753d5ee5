// The measured functions of chunks that have to be decoded, in a page. Each also measures the gaps of the page's event loop.
import { openManifest, Pool } from "kelp-stream";
import { Gaps } from "./gaps.js";
import { loadCrates } from "./rivals/crates.js";
import { decode } from "./rivals/decode.js";
import { Workers } from "./rivals/decode-workers.js";
import { timed } from "./timed.js";

const coded = new Map();
const pools = new Map();
const openers = new Map();
/** Stored bytes by URL, for what is read from memory. */
const held = new Map();

/** Stores the properties of a file: { name, size, chunks: { urls, size, key, gzip }[] }. `inMemory`: its stored bytes too. */
export async function keepCoded({ inMemory = false, ...file }) {
  coded.set(file.name, file);
  if (!inMemory) return;
  for (const { urls: [url] } of file.chunks) held.set(url, new Uint8Array(await (await fetch(url, { cache: "no-store" })).arrayBuffer()));
}

/** Forgets files and their stored bytes. */
export async function forgetCoded() {
  coded.clear();
  held.clear();
}

/** Whether this page has WebCrypto. */
export async function hasWebCrypto() {
  return globalThis.crypto.subtle !== undefined;
}

/** Why a pool of the package cannot have this many workers; null if it can. */
export async function withoutWorkers({ workers }) {
  try {
    new Pool({ workers }).close();
    return null;
  } catch (error) {
    if (error?.code !== "unsupported") throw error;
    return error.message;
  }
}

/**
 * Reads a file with the package. `fromMemory`: with a `fetch` that answers from memory. Reads with the same number of workers have one
 * pool, so that workers are started once, as by hand. Resolves to what `timed` does, the gaps, and the number of workers that are `up`.
 */
export async function kelpCoded({ file: name, fromMemory, options, workers }) {
  const { size } = coded.get(name);
  const fetch = fromMemory ? fetchHeld : undefined;
  const file = await openManifest(manifestOf(coded.get(name)), { ...options, fetch, workers, pool: poolOf(workers) });
  const times = await observed(() => timed(() => file.stream(), size));
  return { ...times, up: file.stats.workers ?? 0 }; // a build without workers does not count them
}

/** As `kelpCoded` over HTTP, with a garbage collection after each `every` bytes. Resolves to the most bytes ahead too. Needs --expose-gc. */
export async function collectingCoded({ file: name, every, workers }) {
  const { size } = coded.get(name);
  const file = await openManifest(manifestOf(coded.get(name)), { workers, pool: poolOf(workers) });
  let next = every;
  const look = (part) => {
    for (; part * size >= next; next += every) globalThis.gc();
  };
  const { ms } = await timed(() => file.stream(), size, { look });
  return { ms, peak: file.stats.peakBytesAhead, up: file.stats.workers };
}

/** Reads a file by hand, `by` the "platform" or "crates", on this thread or in `workers`. */
export async function handCoded({ file: name, fromMemory, by, workers, width }) {
  const { size, chunks } = coded.get(name);
  const stored = chunks.map(({ urls: [url], key, gzip }) => ({ url, gzip, key: key && fromBase64(key) }));
  const how = { fetch: fromMemory ? fetchHeld : undefined, open: await openerOf(by, workers) };
  return observed(() => timed(() => decode(stored, width, how), size));
}

/** The gaps of a page that does nothing. */
export function idle({ ms }) {
  return observed(() => new Promise((done) => setTimeout(done, ms)));
}

function manifestOf({ size, chunks }) {
  const listed = chunks.map(({ gzip, ...chunk }, i) => ({ ...chunk, offset: i * chunk.size, ...(gzip ? { compression: "gzip" } : {}) }));
  return { size, chunks: listed };
}

async function observed(measure) {
  const gaps = new Gaps();
  await gaps.start();
  const times = await measure();
  return { ...times, ...gaps.stop() };
}

async function fetchHeld(input) {
  return new Response(held.get(String(input.url ?? input)));
}

// No chunk may be kept decoded: the next read would find it.
function poolOf(workers) {
  if (!pools.has(workers)) pools.set(workers, new Pool({ workers, maxCacheBytes: 0 }));
  return pools.get(workers);
}

async function openerOf(by, workers) {
  const name = `${by} ${workers}`;
  if (!openers.has(name)) openers.set(name, await makeOpener(by, workers));
  return openers.get(name);
}

async function makeOpener(by, workers) {
  if (workers > 0) return new Workers(workers, by).open;
  return by === "crates" ? loadCrates() : undefined;
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
