// What the good hand-written readers share: a fixed number of chunks in flight, and their pieces in file order.

/**
 * @template Chunk
 * @param {Chunk[]} chunks in file order
 * @param {number} width the number of concurrent chunks
 * @param {(chunk: Chunk, add: (piece: Uint8Array) => void, signal: AbortSignal) => Promise<void>} receive fetches a chunk, and adds its
 *   pieces
 * @returns {ReadableStream<Uint8Array>}
 */
export function ordered(chunks, width, receive) {
  const leaving = new AbortController();
  const window = [];
  let next = 0;
  const fill = () => {
    while (window.length < width && next < chunks.length) {
      const chunk = chunks[next++];
      window.push(new Arrival((add) => receive(chunk, add, leaving.signal)));
    }
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

/** Adds all pieces of a body, without copies. */
export async function drain(body, add) {
  const reader = body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) add(read.value);
}

/** A chunk in flight, and its pieces. */
class Arrival {
  #pieces = []; #over = false; #error = null; #wake = null;

  constructor(receive) {
    receive((piece) => this.#add(piece)).catch((error) => (this.#error = error)).finally(() => {
      this.#over = true;
      this.#wake?.();
    });
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
