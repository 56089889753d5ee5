// Decoding by hand on the page's thread: a look-ahead of fixed width, bodies in pieces, and what the browser has (platform.js) or wasm
// (crates.js).
import { drain, ordered } from "./ordered.js";
import { open as openOnPlatform } from "./platform.js";

/**
 * @param {{ url: string, key?: Uint8Array, gzip?: boolean }[]} chunks in file order
 * @param {number} width the number of concurrent chunks
 * @param {object} [how]
 * @param {typeof fetch} [how.fetch]
 * @param {typeof openOnPlatform} [how.open] decodes a chunk
 * @returns {ReadableStream<Uint8Array>}
 */
export function decode(chunks, width, { fetch = globalThis.fetch, open = openOnPlatform } = {}) {
  return ordered(chunks, width, async (chunk, add, signal) => {
    const response = await fetch(chunk.url, { signal, cache: "no-store" });
    if (!response.ok) throw new Error(`${chunk.url}: ${response.status}`);
    // Without a tag there is nothing to wait for.
    if (!chunk.key && chunk.gzip && open === openOnPlatform) return drain(response.body.pipeThrough(new DecompressionStream("gzip")), add);
    const pieces = [];
    await drain(response.body, (piece) => pieces.push(piece));
    await open(pieces, chunk, add);
  });
}
