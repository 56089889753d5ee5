// The measured functions, in a page or in Node. Opening a file is not measured.
import { openFiler, Pool } from "kelp-stream";
import { digestInWorkers } from "./rivals/digest-workers.js";
import { pipeline } from "./rivals/pipeline.js";
import { sequential } from "./rivals/sequential.js";
import { whole } from "./rivals/whole.js";
import { timed } from "./timed.js";

export * from "./decoding.js";

const MIB = 2 ** 20;
const files = new Map();
const pools = new Map();
/** The MD5 of each chunk by file. */
const tags = new Map();

/** Stores the properties of a file: { name, url, size, chunks: { fileId, urls, key }[] }. */
export async function keep(file) {
  files.set(file.name, file);
}

/**
 * Reads a file with the package and options. `pool`: the name of a shared pool; by default a new one. `bytes`: the most bytes to read.
 * Resolves to the milliseconds of the whole, to the first byte and to the first MiB; the concurrency near the end; and the most bytes
 * ahead.
 */
export async function kelp({ file: name, options, pool, bytes }) {
  const file = await open(name, { ...options, pool: poolOf(pool) });
  let width = 0;
  const look = (part) => (width = part < 0.8 ? file.stats.concurrency : width);
  const times = await timed(() => file.stream(), bytes ?? files.get(name).size, { look, short: bytes !== undefined });
  return { ...times, width, peak: file.stats.peakBytesAhead, requests: file.stats.requests };
}

/** Reads it with a rival: "sequential", "pipeline" (of `width`, from the first replica of each chunk) or "whole". */
export async function rival({ file: name, by, width }) {
  const { url, chunks, size } = files.get(name);
  const stored = chunks.map(({ urls, key }) => ({ url: urls[0], key: key && Uint8Array.from(atob(key), (char) => char.charCodeAt(0)) }));
  const ways = { sequential: () => sequential(stored), pipeline: () => pipeline(stored, width), whole: () => whole(url) };
  return timed(ways[by], size);
}

/** Reads it with `digestInWorkers`. */
export async function digested({ file: name, width }) {
  const { url, chunks, size, chunkSize } = files.get(name);
  tags.set(name, tags.get(name) ?? (await tagsOf(url)));
  const stored = chunks.map(({ urls }, i) => ({ url: urls[0], size: chunkSize, md5: tags.get(name)[i] }));
  return timed(() => digestInWorkers(stored, width), size);
}

/** The MD5 of each chunk, as the entry has them. */
async function tagsOf(url) {
  const entry = await (await fetch(`${url}?metadata=true`)).json();
  return (entry.chunks ?? entry.Chunks).map(({ e_tag }) => Uint8Array.from(atob(e_tag), (char) => char.charCodeAt(0)));
}

/** Reads the first chunk of a file with a plain fetch. */
export function plainFetch({ file: name }) {
  const { chunks: [{ urls: [url] }], chunkSize } = files.get(name);
  return timed(() => whole(url), chunkSize);
}

/**
 * Reads files concurrently in one pool. Measures for `length` ms after `settle` ms, then opens another file, `late`, and stops.
 * Resolves to the bytes per second of all, the ratio of the slowest to the fastest, and the times of `late`.
 */
export async function share({ names, late, settle, length, options }) {
  const pool = new Pool();
  const streams = await Promise.all(names.map(async (name) => (await open(name, { ...options, pool })).stream().getReader()));
  const counts = names.map(() => 0);
  streams.forEach((reader, i) => count(reader, (bytes) => (counts[i] += bytes)));
  await sleep(settle);
  const before = [...counts];
  const begin = performance.now();
  await sleep(length);
  const took = performance.now() - begin;
  const got = counts.map((bytes, i) => bytes - before[i]);
  const file = await open(late, { ...options, pool });
  const times = await timed(() => file.stream(), 2 * MIB, { short: true });
  await Promise.all(streams.map((reader) => reader.cancel()));
  const rate = (got.reduce((a, b) => a + b) / took) * 1000;
  return { rate, evenness: Math.min(...got) / Math.max(...got), first: times.first, mib: times.mib };
}

/** Reads a file, with a garbage collection after each `every` bytes. Needs --expose-gc. */
export async function collecting({ file: name, by, every, width }) {
  const { chunks, size } = files.get(name);
  const file = await open(name, { pool: new Pool() });
  const ways = { kelp: () => file.stream(), pipeline: () => pipeline(chunks.map(({ urls }) => ({ url: urls[0] })), width) };
  let next = every;
  const look = (part) => {
    for (; part * size >= next; next += every) globalThis.gc();
  };
  const { ms } = await timed(ways[by], size, { look });
  return { ms, peak: file.stats.peakBytesAhead };
}

export async function collect() {
  for (let times = 0; times < 5; times++) {
    globalThis.gc();
    await sleep(50);
  }
}

function open(name, options) {
  const { url, chunks, proxied } = files.get(name);
  const urls = proxied ? null : new Map(chunks.map((chunk) => [chunk.fileId, chunk.urls]));
  return openFiler(url, { ...options, ...(urls ? { locate: (fileId) => ({ urls: urls.get(fileId) }) } : {}) });
}

function poolOf(name) {
  if (name === undefined) return new Pool();
  if (!pools.has(name)) pools.set(name, new Pool());
  return pools.get(name);
}

async function count(reader, add) {
  for (let read = await reader.read(); !read.done; read = await reader.read()) add(read.value.length);
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
