// A good hand-written reader: fetches a fixed number of chunks concurrently, and delivers them in order. Bodies are read in pieces
// without copies; WebCrypto decrypts encrypted chunks as a whole. No retries, no digests, no budget: the baseline of the benchmarks.

/**
 * @param {{ url: string, key?: Uint8Array }[]} chunks in file order
 * @param {number} width the number of concurrent chunks
 * @returns {ReadableStream<Uint8Array>}
 */
export function pipeline(chunks, width) {
  const leaving = new AbortController();
  const window = [];
  let next = 0;
  const fill = () => {
    while (window.length < width && next < chunks.length) window.push(new Arrival(chunks[next++], leaving.signal));
  };
  return new ReadableStream({
    async pull(controller) {
      for (;;) {
        fill();
        if (window.length === 0) return controller.close();
        const piece = await window[0].take();
        if (piece) return controller.enqueue(piece);
        window.shift();
      }
    },
    cancel: (reason) => leaving.abort(reason),
  }, { highWaterMark: 0 });
}

/** A chunk in flight, and its pieces. */
class Arrival {
  #pieces = []; #over = false; #error = null; #wake = null;

  constructor(chunk, signal) {
    this.#receive(chunk, signal).catch((error) => (this.#error = error)).finally(() => {
      this.#over = true;
      this.#wake?.();
    });
  }

  async #receive({ url, key }, signal) {
    const response = await fetch(url, { signal, cache: "no-store" });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    if (key) return this.#add(await decrypt(await response.arrayBuffer(), key));
    const reader = response.body.getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) this.#add(read.value);
  }

  #add(piece) {
    this.#pieces.push(piece);
    this.#wake?.();
  }

  /** The next piece, `undefined` after the last. */
  async take() {
    while (this.#pieces.length === 0 && !this.#over) await new Promise((wake) => (this.#wake = wake));
    if (this.#pieces.length > 0) return this.#pieces.shift();
    if (this.#error) throw this.#error;
    return undefined;
  }
}

/** Stored as nonce (12), ciphertext, tag (16). */
async function decrypt(stored, bytes) {
  const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["decrypt"]);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(stored, 0, 12) }, key, new Uint8Array(stored, 12)));
}
