// How the chunks of a file are decoded: on this thread or in the workers of its pool, by WebCrypto or by the codec module.
import { decode, lengthOf, needsCodec, SMALL } from "./decode.js";
import { codec, compiledCodec } from "./module.js";
import { automatic } from "./workers.js";

/** Decoded pieces. What is cut from one of them is another array. */
const decoded = new WeakSet();

/** Whether a piece is all that there is in its buffer. */
export const isAlone = (piece) => decoded.has(piece);

const remember = (result) => {
  result.pieces?.forEach((piece) => decoded.add(piece));
  return result;
};

export class Decoding {
  #native; #workers; #limit;

  /**
   * @param {boolean} native whether WebCrypto decrypts
   * @param {import("./workers.js").Workers} [workers] of the pool; none: this thread decodes
   * @param {number | "auto"} [limit] how many workers there may be
   */
  constructor(native, workers, limit = "auto") {
    this.#native = native;
    this.#workers = workers;
    this.#limit = limit;
  }

  /** How many workers of the pool are up. */
  get workersUp() {
    return this.#workers?.up ?? 0;
  }

  /** Resolves when the codec module is there; rejects if it cannot be had. */
  async prepare() {
    await codec();
  }

  /**
   * Decodes a chunk. `own[i]`: no one else has the array `stored[i]`, so it may be transferred. The key is cleared. Returns a job with
   * `done`, a promise of a `DecodeResult`, and `cancel`.
   */
  start(stored, own, key, gzip, outputLength, maxOutput, md5) {
    const params = { key, gzip, outputLength, maxOutput, md5, native: this.#native };
    const job = { isCancelled: false, done: undefined, cancel: undefined };
    let submitted;
    job.cancel = () => {
      job.isCancelled = true;
      if (submitted) this.#workers.cancel(submitted);
    };
    const here = () => decode(stored, params, () => job.isCancelled, stored.filter((_, i) => own[i])).then(remember);
    const limit = this.#limit === "auto" ? automatic() : this.#limit;
    if (limit === 0 || !this.#workers || lengthOf(stored) <= SMALL) {
      job.done = here();
      return job;
    }
    job.done = (async () => {
      try {
        // Workers get the compiled module.
        if (needsCodec(params)) await compiledCodec();
      } catch (cause) {
        return { error: "unavailable", cause };
      }
      if (job.isCancelled) return { error: "interrupted" };
      submitted = this.#workers.submit({ stored, own, params }, limit, this.#limit !== "auto");
      // No worker, or none that could be started: `stored` is still here then.
      const result = await submitted?.done;
      return result ? remember(result) : here();
    })();
    return job;
  }
}
