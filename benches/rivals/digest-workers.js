// The pipeline of pipeline.js for plain chunks, with their MD5 checked in two workers of the package: a body goes to a worker and comes
// back by transfer. What the package would do if it did not digest on the page's thread.
import { drain, ordered } from "./ordered.js";

const WORKERS = 2;
let crew;

/**
 * @param {{ url: string, size: number, md5: Uint8Array }[]} chunks in file order
 * @param {number} width the number of concurrent chunks
 * @returns {Promise<ReadableStream<Uint8Array>>}
 */
export async function digestInWorkers(chunks, width) {
  crew ??= await start();
  return ordered(chunks, width, async ({ url, size, md5 }, add, signal) => {
    const response = await fetch(url, { signal, cache: "no-store" });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    const stored = [];
    await drain(response.body, (piece) => stored.push(piece));
    const idlest = crew.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
    const { pieces, error } = await idlest.decode(stored, { gzip: false, outputLength: size, maxOutput: size, md5, native: false });
    if (error) throw new Error(error);
    pieces.forEach(add);
  });
}

async function start() {
  const module = await WebAssembly.compileStreaming(fetch("/dist/kelp_stream_codec.wasm"));
  return Promise.all(Array.from({ length: WORKERS }, () => startOne(module)));
}

function startOne(module) {
  const worker = new Worker("/dist/worker.js", { type: "module" });
  const waiting = new Map();
  let id = 0;
  const decode = (stored, params) => new Promise((done) => {
    waiting.set(++id, done);
    worker.postMessage({ id, stored, params }, stored.map(({ buffer }) => buffer));
  });
  return new Promise((ready, fail) => {
    worker.onerror = ({ message }) => fail(new Error(message));
    worker.onmessage = ({ data: { up, id, result } }) => {
      if (up) {
        worker.postMessage({ module });
        return ready({ waiting, decode });
      }
      waiting.get(id)(result);
      waiting.delete(id);
    };
  });
}
