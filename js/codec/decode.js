// Decodes one chunk on the thread that it runs on: a page, a worker, a program.
import { codec, discard } from "./module.js";
import { inTurn, pause, turn } from "./turns.js";

/**
 * How to decode the stored bytes of a chunk.
 * @typedef {object} DecodeParams
 * @property {Uint8Array} [key] of AES-256-GCM; it is cleared
 * @property {boolean} gzip
 * @property {number} outputLength how many of the decoded bytes are wanted
 * @property {number} maxOutput more decoded bytes are an error
 * @property {Uint8Array} [md5] of the decoded bytes
 * @property {boolean} native whether WebCrypto decrypts
 *
 * @typedef {{ pieces: Uint8Array[], by: string } | { error: string, cause?: unknown }} DecodeResult
 */

/** The errors of the module by their numbers. */
const ERRORS = { "-1": "tag", "-2": "truncated", "-3": "gzip", "-4": "too long" };

/** The number for work without bytes: members of gzip without content, or bytes beyond those that are wanted. */
const AGAIN = -5;

/** Nonce and tag of AES-GCM. */
const OVERHEAD = 28;

/** Bytes that are copied into the module, and authenticated, between two checks of the time. */
const STEP = 256 << 10;

/** The size of a new array for decoded bytes. */
const PIECE = 256 << 10;

/** Arrays of fewer bytes are not worth to be filled again. */
const LEAST_SPARE = 32 << 10;

/** WebCrypto needs a chunk in one array. Up to this many bytes it is always the same array. */
const MAX_SCRATCH = 8 << 20;

let scratch = new Uint8Array(0);

/** Chunks of this many stored bytes or fewer are decoded in one go: that takes less than a slice. */
export const SMALL = 32 << 10;

/** To copy as many bytes takes about a millisecond. */
const LARGE = 1 << 20;

/** Whether the codec module is needed, or WebCrypto does it all. */
export const needsCodec = ({ key, gzip, md5, native }) => !(key && native) || gzip || md5 !== undefined;

export const lengthOf = (pieces) => pieces.reduce((sum, { length }) => sum + length, 0);

/**
 * Decodes a chunk. Failures of the chunk are results. `isCancelled` is asked between steps. The arrays in `spare` are of no other use,
 * so decoded bytes may be written to them: those of `stored` that belong to no one else.
 * @param {Uint8Array[]} stored @param {DecodeParams} params
 * @returns {Promise<DecodeResult>}
 */
export async function decode(stored, params, isCancelled = () => false, spare = []) {
  const { key, native, outputLength } = params;
  try {
    if (!key || !native) return await inModule(stored, params, isCancelled, spare);
    // In Chromium 156 WebCrypto decrypts on this thread, and elsewhere its copies are made here: several milliseconds for a large chunk.
    const length = lengthOf(stored);
    if (length > SMALL) await (length > LARGE ? turn() : pause());
    if (isCancelled()) return { error: "interrupted" };
    const opened = await decrypt(key, stored);
    if (opened.error) return opened;
    if (needsCodec(params)) {
      const { plain } = opened;
      return named(await inModule([plain], { ...params, key: undefined }, isCancelled, [...spare, plain]), "webcrypto, codec");
    }
    const { plain } = opened;
    const wanted = plain.length > outputLength ? plain.slice(0, outputLength) : plain;
    return { pieces: wanted.length > 0 ? [wanted] : [], by: "webcrypto" };
  } finally {
    key?.fill(0);
  }
}

const named = (result, by) => (result.error ? result : { ...result, by });

/** Decrypts with WebCrypto, which needs the whole in one array. */
async function decrypt(key, stored) {
  const length = lengthOf(stored);
  if (length < OVERHEAD) return { error: "truncated" };
  const { subtle } = globalThis.crypto;
  try {
    const imported = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
    // `decrypt` copies its input before it returns (Web Cryptography API, section 14.3.2), so the next chunk may use the array.
    const whole = join(stored, length);
    return { plain: new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv: whole.subarray(0, 12) }, imported, whole.subarray(12))) };
  } catch {
    return { error: "tag" };
  }
}

/** The pieces in one array, whose bytes the next call may overwrite. */
function join(pieces, length) {
  if (pieces.length === 1) return pieces[0];
  if (scratch.length < length && length <= MAX_SCRATCH) scratch = new Uint8Array(length);
  const whole = length <= scratch.length ? scratch.subarray(0, length) : new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

async function inModule(stored, params, isCancelled, spare) {
  let here;
  try {
    here = await codec();
  } catch (cause) {
    return { error: "unavailable", cause };
  }
  const length = lengthOf(stored);
  if (length <= SMALL) return attempt(here, () => steps(here, stored, length, params, spare));
  return inTurn(async () => {
    await pause();
    // Cancelled work, and work that follows a trap, needs no result.
    if (isCancelled()) return { error: "interrupted" };
    return attempt(here, () => steps(here, stored, length, params, spare), isCancelled);
  });
}

/** Runs the steps of a chunk: all at once without `isCancelled`, else with pauses. */
function attempt(here, begin, isCancelled) {
  const running = begin();
  const over = (error) => {
    // A trap: another instance has another memory. The chunk is fetched and decoded again.
    discard(here);
    return { error: "interrupted", cause: error };
  };
  try {
    if (isCancelled) return paced(running, isCancelled).catch(over);
    let step;
    do step = running.next();
    while (!step.done);
    return step.value;
  } catch (error) {
    return over(error);
  }
}

async function paced(running, isCancelled) {
  for (;;) {
    const step = running.next();
    if (step.done) return step.value;
    const paused = pause();
    if (paused) await paused;
    if (isCancelled()) {
      running.return();
      return { error: "interrupted" };
    }
  }
}

/** Decodes a chunk in the module, step by step. */
function* steps(codec, stored, length, { key, gzip, outputLength, maxOutput, md5 }, spare) {
  const open = (at) => codec.open(at, gzip ? 1 : 0, length, outputLength, maxOutput, md5 ? 1 : 0);
  const job = key ? codec.withSecret(key, open) : open(0);
  if (job === 0) return { error: "interrupted", cause: new RangeError("out of memory") };
  try {
    let at = codec.input(job);
    for (const piece of stored) {
      for (let from = 0; from < piece.length; from += STEP) {
        const part = piece.length <= STEP ? piece : piece.subarray(from, from + STEP);
        codec.bytes.set(part, at);
        codec.absorb(job, part.length);
        at += part.length;
        yield;
      }
    }
    // From here on the stored bytes are in the module, and the arrays are free.
    const output = new Output(gzip ? outputLength : Math.min(outputLength, length), spare);
    for (;;) {
      const next = codec.next(job);
      if (next === AGAIN) {
        yield;
        continue;
      }
      if (next < 0) return { error: ERRORS[next] ?? "interrupted" };
      if (next === 0) break;
      const from = codec.output(job);
      output.append(codec.bytes.subarray(from, from + next));
      yield;
    }
    if (md5) {
      const from = codec.digest(job);
      if (md5.some((byte, i) => byte !== codec.bytes[from + i])) return { error: "md5" };
    }
    return { pieces: output.end(), by: "codec" };
  } finally {
    codec.close(job);
  }
}

/**
 * The decoded bytes, in arrays that the reader keeps. It fills arrays that are not needed any more before it makes new ones: the first
 * use of new memory takes several times as long as the copy (docs/measured.md).
 */
class Output {
  #pieces = [];
  #spare; #missing;
  #array;
  #filled = 0;

  /** `length`: how many bytes there will be at most. */
  constructor(length, spare) {
    this.#missing = length;
    // A part of a buffer stays: others may have the rest.
    this.#spare = spare.filter((array) => array.length >= LEAST_SPARE && array.length === array.buffer.byteLength);
  }

  append(bytes) {
    for (let at = 0; at < bytes.length; ) {
      this.#array ??= this.#spare.pop() ?? new Uint8Array(Math.min(PIECE, Math.max(this.#missing, bytes.length - at)));
      const count = Math.min(bytes.length - at, this.#array.length - this.#filled);
      this.#array.set(bytes.subarray(at, at + count), this.#filled);
      at += count;
      this.#filled += count;
      this.#missing -= count;
      if (this.#filled === this.#array.length) this.#push(this.#array);
    }
  }

  end() {
    const [array, filled] = [this.#array, this.#filled];
    // A small rest does not keep a large array. A reader may look at the buffer, where stored bytes were.
    if (filled > 0) this.#push(2 * filled < array.length ? array.slice(0, filled) : array.fill(0, filled).subarray(0, filled));
    return this.#pieces;
  }

  #push(piece) {
    this.#pieces.push(piece);
    this.#array = undefined;
    this.#filled = 0;
  }
}
