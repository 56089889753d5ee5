// Reads a body in large pieces.
//
// workerd gives a default reader 4 KiB at a time, and each piece costs more CPU than its bytes. A reader of a byte stream may wait until
// a buffer is full (`readAtLeast`), but then a slow server's bytes are withheld. So a read waits for as many bytes as arrived in `WAIT`
// at the rate of the read before, and for at most twice as many. The package reads in the same way.

/** The largest piece, in bytes. Pieces of 128 KiB take 1.1 times the CPU, and those of 64 KiB 1.35 times (`npm run bench:edge`). */
export const PIECE = 256 * 2 ** 10;
/** Milliseconds. */
const WAIT = 30;

type Body = ReadableStream<Uint8Array>;

/** Reads one body after another. */
export class Pieces {
  #reader: ReadableStreamBYOBReader | ReadableStreamDefaultReader<Uint8Array> | null = null;
  #buffer = new ArrayBuffer(PIECE);
  /** How many bytes the next read waits for. */
  #min = 1;

  get isOpen(): boolean {
    return this.#reader !== null;
  }

  open(body: Body): void {
    // Bodies that a script made, as those of tests, are no byte streams.
    const isNative = "ReadableStreamBYOBReader" in globalThis && "readAtLeast" in ReadableStreamBYOBReader.prototype;
    this.#reader = isNative ? body.getReader({ mode: "byob" }) : body.getReader();
  }

  /** The next piece; `null` at the end of the body. Its memory is used again: it is valid until the next call. */
  async read(): Promise<Uint8Array | null> {
    for (const reader = this.#reader; reader; ) {
      const began = performance.now();
      const { value, done } = await ("readAtLeast" in reader ? reader.readAtLeast(this.#min, this.#view()) : reader.read());
      if (value?.buffer.byteLength === PIECE) this.#buffer = value.buffer as ArrayBuffer;
      if (value && value.length > 0) {
        const ms = performance.now() - began;
        const inTime = ms > 0 ? (value.length / ms) * WAIT : Infinity;
        this.#min = Math.max(1, Math.floor(Math.min(PIECE, 2 * value.length, inTime)));
        return value;
      }
      if (done) break;
    }
    return null;
  }

  // The buffer of a read that failed is lost.
  #view(): Uint8Array {
    if (this.#buffer.byteLength < PIECE) this.#buffer = new ArrayBuffer(PIECE);
    return new Uint8Array(this.#buffer);
  }

  /** The body was read to its last byte. */
  close(): void {
    this.#reader = null;
  }

  async cancel(): Promise<void> {
    const reader = this.#reader;
    this.#reader = null;
    await reader?.cancel().catch(() => {});
  }
}
