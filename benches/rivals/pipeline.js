// A good hand-written reader: fetches a fixed number of chunks concurrently, and delivers them in order. Bodies are read in pieces
// without copies; WebCrypto decrypts encrypted chunks as a whole. No retries, no digests, no budget: the baseline of the benchmarks.
import { drain, ordered } from "./ordered.js";
import { decrypt } from "./platform.js";

/**
 * @param {{ url: string, key?: Uint8Array }[]} chunks in file order
 * @param {number} width the number of concurrent chunks
 * @returns {ReadableStream<Uint8Array>}
 */
export function pipeline(chunks, width) {
  return ordered(chunks, width, async ({ url, key }, add, signal) => {
    const response = await fetch(url, { signal, cache: "no-store" });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    if (!key) return drain(response.body, add);
    add(await decrypt(new Uint8Array(await response.arrayBuffer()), key));
  });
}
