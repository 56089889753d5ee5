// Decodes one chunk on the thread that it runs on: a page, a worker, a program.
import { codec, discard } from "./module.js";
import { inTurn, pause } from "./turns.js";

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

/** Chunks of this many stored bytes or fewer are decoded in one go: that takes less than a slice. */
export const SMALL = 32 << 10;

/** Whether the codec module is needed, or WebCrypto does it all. */
export const needsCodec = ({ key, gzip, md5, native }) => !(key && native) || gzip || md5 !== undefined;

export const lengthOf = (pieces) => pieces.reduce((sum, { length }) => sum + length, 0);

/**
 * Decodes a chunk. Failures of the chunk are results. `isCancelled` is asked between steps.
 * @param {Uint8Array[]} stored @param {DecodeParams} params
 * @returns {Promise<DecodeResult>}
 */
export async function decode(stored, params, isCancelled = () => false) {
  const { key, native, outputLength } = params;
  try {
    if (!key || !native) return await inModule(stored, params, isCancelled);
    const opened = await decrypt(key, stored);
    if (opened.error) return opened;
    if (needsCodec(params)) return named(await inModule([opened.plain], { ...params, key: undefined }, isCancelled), "webcrypto, codec");
    return { pieces: opened.plain.length > 0 ? [opened.plain.subarray(0, outputLength)] : [], by: "webcrypto" };
  } finally {
    key?.fill(0);
  }
}

const named = (result, by) => (result.error ? result : { ...result, by });

/** Decrypts with WebCrypto, which needs the whole in one array. */
async function decrypt(key, stored) {
  const length = lengthOf(stored);
  if (length < OVERHEAD) return { error: "truncated" };
  const whole = join(stored, length);
  const { subtle } = globalThis.crypto;
  try {
    const imported = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
    return { plain: new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv: whole.subarray(0, 12) }, imported, whole.subarray(12))) };
  } catch {
    return { error: "tag" };
  }
}

function join(pieces, length) {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

async function inModule(stored, params, isCancelled) {
  let here;
  try {
    here = await codec();
  } catch (cause) {
    return { error: "unavailable", cause };
  }
  const length = lengthOf(stored);
  if (length <= SMALL) return attempt(here, () => steps(here, stored, length, params));
  return inTurn(async () => {
    await pause();
    // Cancelled work, and work that follows a trap, needs no result.
    if (isCancelled()) return { error: "interrupted" };
    return attempt(here, () => steps(here, stored, length, params), isCancelled);
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
function* steps(codec, stored, length, { key, gzip, outputLength, maxOutput, md5 }) {
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
    const pieces = [];
    for (;;) {
      const next = codec.next(job);
      if (next === AGAIN) {
        yield;
        continue;
      }
      if (next < 0) return { error: ERRORS[next] ?? "interrupted" };
      if (next === 0) break;
      const from = codec.output(job);
      // A new array: the reader keeps it, and the module uses its memory again.
      pieces.push(codec.bytes.slice(from, from + next));
      yield;
    }
    if (md5) {
      const from = codec.digest(job);
      if (md5.some((byte, i) => byte !== codec.bytes[from + i])) return { error: "md5" };
    }
    return { pieces, by: "codec" };
  } finally {
    codec.close(job);
  }
}
