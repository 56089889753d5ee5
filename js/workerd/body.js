// Reads the body of a response in large pieces.
//
// workerd gives a default reader 4 KiB at a time, and each piece costs more CPU than its bytes: by `npm run bench:edge` the gateway
// takes 5 times the CPU with them. Its byte streams can fill a buffer before they answer (`readAtLeast`), but then they withhold
// what has arrived while a server is slow. So a read waits for as many bytes as arrived in `WAIT` at the rate of the read before,
// and for at most twice as many as that read gave. The first read waits for one byte.

/** The largest piece, in bytes. Pieces of 128 KiB take 1.15 times the CPU (`npm run bench:edge`, unverified). */
const PIECE = 256 * 2 ** 10;
/** The smallest buffer, in bytes. */
const LEAST = 16 * 2 ** 10;
/** Milliseconds that bytes which have arrived may wait for further ones, as far as can be foreseen. */
const WAIT = 30;

/** A reader of `body`; `undefined` if only a default reader can read it. `length`: what the response says, if it does. */
export function bodyReader(body, length = Infinity) {
  let reader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    // The user's `fetch` made it, and not as a byte stream. Or it is locked, and a default reader fails too.
    return undefined;
  }
  if (reader.readAtLeast) return new BodyReader(reader, length);
  reader.releaseLock();
  return undefined;
}

class BodyReader {
  #reader;
  /** How many bytes are to come, if the response is right. */
  #left;
  /** How many bytes the next read waits for. */
  #min = 1;
  /** The buffer of the last read, if it was copied. */
  #buffer;
  #isOver = false;

  constructor(reader, length) {
    this.#reader = reader;
    this.#left = length;
  }

  /** The next piece; `undefined` at the end. */
  async read() {
    while (!this.#isOver) {
      const view = this.#view();
      const begin = performance.now();
      const { value, done } = await this.#reader.readAtLeast(Math.min(this.#min, view.length), view);
      this.#isOver = done;
      if (value?.length > 0) return this.#piece(value, performance.now() - begin);
    }
    return undefined;
  }

  cancel() {
    // The request is aborted too, and may have failed the stream before.
    this.#reader.cancel().catch(() => {});
  }

  #view() {
    const wanted = Math.max(this.#min, LEAST);
    // The body may be longer than the response says.
    const length = this.#left > 0 ? Math.min(wanted, this.#left) : wanted;
    const buffer = this.#buffer?.byteLength >= length ? this.#buffer : new ArrayBuffer(length);
    this.#buffer = undefined;
    return new Uint8Array(buffer, 0, length);
  }

  #piece(value, ms) {
    const { length, buffer } = value;
    this.#left -= length;
    this.#min = nextMin(length, ms);
    if (length === buffer.byteLength) return value;
    // A piece must not keep a buffer that is mostly empty: the budget counts its bytes only.
    this.#buffer = buffer;
    return value.slice();
  }
}

function nextMin(length, ms) {
  const inTime = ms > 0 ? (length / ms) * WAIT : Infinity;
  return Math.max(1, Math.floor(Math.min(PIECE, 2 * length, inTime)));
}
