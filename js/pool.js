// The pool that streams share.
import { CorePool } from "#glue";
import { dictionary, integer, integerOr } from "./check.js";
import { Workers } from "./codec/workers.js";
import { runtime } from "./runtime.js";

let shared;

/** The pool of all files that are opened without one. */
export function defaultPool() {
  return (shared ??= new Pool());
}

/** The core's part of a pool. The wasm module must have started. */
export let corePool;

/** Whether a pool was closed. */
export let isClosed;

/** The workers of a pool, and how many there may be for a file with this option `workers`. */
export let poolWorkers;

export class Pool {
  #limits;
  #maxWorkers;
  #workers = new Workers();
  // Created when the first file is opened, since a pool may be constructed before the wasm module has started.
  #core;
  #closed = false;

  static {
    corePool = (pool) => pool.#open();
    isClosed = (pool) => pool.#closed;
    poolWorkers = (pool, own = pool.#maxWorkers) => [pool.#workers, own];
  }

  constructor(limits) {
    const { maxBytes, perHost, maxConcurrency, maxChunkBytes, maxCacheBytes, workers } =
      dictionary(limits, "limits", "maxBytes perHost maxConcurrency maxChunkBytes maxCacheBytes workers");
    this.#limits = [
      integer(maxBytes, "maxBytes", undefined, 1),
      integer(perHost, "perHost", undefined, 1),
      integer(maxConcurrency, "maxConcurrency", undefined, 1),
      integer(maxChunkBytes, "maxChunkBytes", undefined, 1, 2 ** 30),
      integer(maxCacheBytes, "maxCacheBytes", runtime.maxCacheBytes),
    ];
    this.#maxWorkers = integerOr("auto", workers, "workers", "auto", 0);
  }

  get bytes() {
    return this.#core?.bytes() ?? 0;
  }

  get peakBytes() {
    return this.#core?.peakBytes() ?? 0;
  }

  get cachedBytes() {
    return this.#core?.cachedBytes() ?? 0;
  }

  get inFlight() {
    return this.#core?.inFlight() ?? 0;
  }

  close() {
    this.#closed = true;
    this.#core?.close();
    this.#workers.close();
  }

  #open() {
    this.#core ??= new CorePool(...this.#limits);
    if (this.#closed) this.#core.close();
    return this.#core;
  }
}
