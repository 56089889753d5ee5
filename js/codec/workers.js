// The workers of a pool, which decode chunks off the thread that reads them.
//
// A worker is started when a chunk needs one, gets up to two chunks at a time, and is replaced if it dies or hangs. Bodies go in and
// pieces come out by transfer. Where no worker can be started, the chunks are decoded on this thread instead, for good.
import { compiledCodec } from "./module.js";
import { lengthOf, needsCodec } from "./decode.js";

let spawn;
let cores = () => globalThis.navigator?.hardwareConcurrency;

/**
 * Sets how a worker is started: `start` returns a Worker, or throws. Each entry point of the package has its own way; the edge has none.
 */
export function setSpawner(start, countCores = cores) {
  spawn = start;
  cores = countCores;
}

/** How many workers `"auto"` is. */
export function automatic() {
  // A worker would keep a program of Deno alive, which has no `unref` for it.
  if (!spawn || globalThis.Deno || typeof ServiceWorkerGlobalScope === "function") return 0;
  return Math.max(1, Math.min(4, (cores() ?? 2) - 1));
}

/** Chunks that a worker has at a time: the next one is there when one is done. */
const JOBS = 2;

const IDLE_MS = 60_000;
const START_MS = 10_000;

/** A worker that does not answer within this time hangs: 10 s, and a second for each MiB of stored or decoded bytes. */
const deadline = (bytes) => 10_000 + (Math.min(bytes, 2 ** 30) / 2 ** 20) * 1000;

/** A timer that fires this much later shows that the page was frozen, and its workers with it. So it is set again, this often. */
const LATE_MS = 1000;
const MAX_LATE = 3;

/** After this many workers that died in succession, no further one is started. */
const DEATHS = 3;

const INTERRUPTED = { error: "interrupted" };

export class Workers {
  /** @type {Slot[]} */
  #slots = [];
  /** Chunks that no worker has yet. */
  #queue = [];
  #spawn; #clock;
  #lastId = 0;
  #deaths = 0;
  /** Whether a worker of this pool has been up. */
  #hasWorked = false;
  /** Whether workers cannot be used: the pool is closed, or they cannot be started. */
  #isOver = false;
  #idle;

  /** `clock` and `start` are for tests. */
  constructor(start = spawn, clock = globalThis) {
    this.#spawn = start;
    this.#clock = clock;
    this.#isOver = start === undefined;
  }

  /** How many are up. */
  get up() {
    return this.#slots.filter(({ isUp }) => isUp).length;
  }

  /**
   * Decodes a chunk in a worker. `limit`: how many workers there may be; `wait`: whether the chunk waits for a worker that is being
   * started. Returns the job, whose `done` is a promise of the result, or undefined if this thread is to decode the chunk.
   * @param {{ stored: Uint8Array[], own: boolean[], params: import("./decode.js").DecodeParams }} chunk
   */
  submit(chunk, limit, wait) {
    if (this.#isOver) return undefined;
    this.#grow(limit);
    if (this.#isOver || (!wait && this.up === 0)) return undefined;
    const job = { ...chunk, id: ++this.#lastId, limit, isPosted: false, slot: undefined, finish: undefined, done: undefined, timer: undefined };
    job.done = new Promise((finish) => (job.finish = finish));
    this.#queue.push(job);
    this.#pump();
    return job;
  }

  /** Cancels a job: it is not begun, and its result is dropped. */
  cancel(job) {
    const at = this.#queue.indexOf(job);
    if (at >= 0) this.#queue.splice(at, 1);
    else if (job.slot) job.slot.worker.postMessage({ cancel: job.id });
    job.finish(INTERRUPTED);
    job.params.key?.fill(0);
    this.#rest();
  }

  /** Ends all workers. Jobs answer that they were interrupted. */
  close() {
    this.#isOver = true;
    for (const job of this.#queue.splice(0)) job.finish(INTERRUPTED);
    for (const slot of [...this.#slots]) this.#remove(slot);
    this.#stop(this.#idle);
  }

  /** Starts a worker if all that there are have a chunk, or are being started. */
  #grow(limit) {
    if (this.#slots.length >= limit) return;
    if (this.#slots.some(({ isUp, jobs }) => !isUp || jobs.size === 0)) return;
    let worker;
    try {
      worker = this.#spawn();
    } catch {
      return this.#failedToStart();
    }
    const slot = { worker, isUp: false, hasModule: false, jobs: new Map(), timer: undefined };
    this.#slots.push(slot);
    worker.onmessage = ({ data }) => this.#answer(slot, data);
    const die = (event) => {
      // Otherwise the page reports an error that it can do nothing about.
      event?.preventDefault?.();
      this.#lose(slot);
    };
    worker.onerror = die;
    worker.onmessageerror = die;
    slot.timer = this.#after(START_MS, () => this.#lose(slot));
    // While it starts, nothing else may keep a program alive.
    worker.ref?.();
  }

  /** Gives queued chunks to workers. */
  #pump() {
    while (this.#queue.length > 0) {
      const free = this.#slots.filter(({ isUp, jobs }) => isUp && jobs.size < JOBS);
      if (free.length === 0) break;
      const slot = free.reduce((least, each) => (each.jobs.size < least.jobs.size ? each : least));
      this.#post(slot, this.#queue.shift());
    }
    if (this.#queue.length > 0) this.#grow(Math.max(...this.#queue.map(({ limit }) => limit)));
    this.#rest();
  }

  async #post(slot, job) {
    slot.jobs.set(job.id, job);
    job.slot = slot;
    slot.worker.ref?.();
    const { stored, own, params, id } = job;
    const length = lengthOf(stored);
    const bodies = stored.map((piece, i) => (own[i] && piece.byteLength === piece.buffer.byteLength ? piece : piece.slice()));
    job.stored = job.own = undefined;
    try {
      if (!slot.hasModule && needsCodec(params)) {
        // It is compiled by now: a chunk that needs it is submitted after that.
        const module = await compiledCodec();
        if (slot.jobs.get(id) !== job) return;
        slot.hasModule = true;
        slot.worker.postMessage({ module });
      }
      slot.worker.postMessage({ id, stored: bodies, params }, bodies.map(({ buffer }) => buffer));
    } catch {
      // For example, the module cannot be cloned.
      return this.#giveUp();
    }
    params.key?.fill(0);
    job.timer = this.#after(deadline(length + params.outputLength), () => this.#lose(slot));
  }

  #answer(slot, { up, id, result }) {
    if (up) {
      slot.isUp = this.#hasWorked = true;
      this.#stop(slot.timer);
      return this.#pump();
    }
    const job = slot.jobs.get(id);
    if (!job) return;
    slot.jobs.delete(id);
    this.#stop(job.timer);
    // The worker cannot instantiate the module, and its bytes are gone. Another worker could not either.
    if (result.error === "unavailable") {
      job.finish(INTERRUPTED);
      return this.#giveUp();
    }
    this.#deaths = 0;
    job.finish(result.error ? result : { ...result, by: `worker, ${result.by}` });
    this.#pump();
  }

  /** A worker died or hangs. Its bytes are gone with it. */
  #lose(slot) {
    if (!this.#slots.includes(slot)) return;
    this.#remove(slot);
    this.#deaths++;
    if (!slot.isUp) this.#failedToStart();
    else if (this.#deaths >= DEATHS) this.#giveUp();
    else this.#pump();
  }

  /** If none was ever up, none can be (a CSP, a file: URL). Else it may be the network: the next chunk tries again. */
  #failedToStart() {
    if (!this.#hasWorked || this.#deaths >= DEATHS) return this.#giveUp();
    if (this.up === 0) this.#decodeHere();
  }

  #giveUp() {
    this.#decodeHere();
    this.close();
  }

  /** Leaves what is queued to this thread. */
  #decodeHere() {
    for (const job of this.#queue.splice(0)) job.finish(undefined);
  }

  #remove(slot) {
    this.#slots = this.#slots.filter((each) => each !== slot);
    this.#stop(slot.timer);
    slot.worker.onmessage = slot.worker.onerror = slot.worker.onmessageerror = null;
    slot.worker.terminate();
    for (const job of slot.jobs.values()) {
      this.#stop(job.timer);
      job.finish(INTERRUPTED);
    }
  }

  /** If nothing is left to do, ends the workers after a while. */
  #rest() {
    this.#stop(this.#idle);
    for (const { worker, jobs, isUp } of this.#slots) if (isUp && jobs.size === 0) worker.unref?.();
    if (this.#slots.length === 0 || this.#queue.length > 0 || this.#slots.some(({ jobs }) => jobs.size > 0)) return;
    this.#idle = this.#after(IDLE_MS, () => {
      for (const slot of [...this.#slots]) this.#remove(slot);
    });
  }

  /** A timer that does not keep a program alive. */
  #after(ms, act, timer = { late: 0 }) {
    const { performance } = this.#clock;
    const due = performance.now() + ms + LATE_MS;
    const fire = () => (performance.now() >= due && timer.late++ < MAX_LATE ? this.#after(ms, act, timer) : act());
    timer.id = this.#clock.setTimeout(fire, ms);
    timer.id?.unref?.();
    return timer;
  }

  #stop(timer) {
    this.#clock.clearTimeout(timer?.id);
  }
}
