// Makes a ReadableStream of a stream of the core.
import { isAlone } from "./codec/decoding.js";
import { KelpError } from "./error.js";
import { runtime } from "./runtime.js";
import { calling, checkTrap, hasTrapped, onTrap } from "./trap.js";

// WebKit does not let scripts create byte streams.
const BYTE_STREAMS = (() => {
  try {
    new ReadableStream({ type: "bytes" });
    return true;
  } catch {
    return false;
  }
})();

// A byte stream transfers the whole buffer of a piece, so a piece that shares its buffer is copied.
const ownBuffer = (piece) => (piece.byteLength === piece.buffer.byteLength || isAlone(piece) ? piece : piece.slice());

// Some versions of workerd do not have it.
const Weak = globalThis.WeakRef ?? class { constructor(it) { this.deref = () => it; } };

const weakly = (act, signal) => {
  const weak = new Weak(act);
  return () => weak.deref()?.(signal.reason);
};

/**
 * Calls `act` with the reason when one of the signals is aborted, now or later. Returns a function that stops listening. Only that
 * function keeps `act` alive: a signal may outlive many streams, and must not keep them from being collected.
 */
export function onAbort(signals, act) {
  const known = signals.filter((signal) => signal !== undefined);
  const listeners = known.map((signal) => [signal, weakly(act, signal)]);
  for (const [signal, listener] of listeners) signal.addEventListener("abort", listener);
  const aborted = known.find((signal) => signal.aborted);
  if (aborted) act(aborted.reason);
  return () => {
    for (const [signal, listener] of listeners) signal.removeEventListener("abort", listener);
    act = undefined;
  };
}

// The core's window is the only queue, and nothing is fetched before the first read.
const NO_QUEUE = { highWaterMark: 0 };

/** A ReadableStream of the core's stream that `open` returns. */
export function readable(open, signals) {
  return new ReadableStream(source(open, signals, BYTE_STREAMS), NO_QUEUE);
}

/** The body of a response: as `readable`; resolves when the first piece is in the stream. Rejects as the first read would. */
export async function readableFromFirstPiece(open, signals) {
  const { start, ...rest } = source(open, signals, BYTE_STREAMS && runtime.respondsInBytes);
  let first;
  const stream = new ReadableStream({
    ...rest,
    start(controller) {
      start(controller);
      first = rest.pull(controller);
    },
  }, NO_QUEUE);
  await first;
  // If a signal was aborted meanwhile, the stream has failed already: reject instead of returning it.
  for (const signal of signals) signal?.throwIfAborted();
  return stream;
}

function source(open, signals, isInBytes) {
  let reading;
  let over = false;
  let stopListening;
  // `Reading.end` calls the user's listeners, which may call back into this stream, so `over` is set before.
  const end = () => {
    over = true;
    stopListening?.();
    reading?.end();
  };
  return {
    ...(isInBytes ? { type: "bytes", autoAllocateChunkSize: runtime.autoAllocateChunkSize } : {}),
    start(controller) {
      const stop = onAbort(signals, (reason) => {
        if (over) return;
        controller.error(reason);
        end();
      });
      stopListening = stop;
      if (over) stop();
      else reading = new Reading(open());
    },
    async pull(controller) {
      if (over) return;
      let piece;
      try {
        piece = await reading.next();
      } catch (error) {
        if (over) return;
        end();
        throw error;
      }
      if (over) return;
      if (piece !== undefined) return controller.enqueue(isInBytes ? ownBuffer(piece) : piece);
      end();
      controller.close();
      // A pending BYOB read gets its buffer back, empty.
      controller.byobRequest?.respond(0);
    },
    cancel: end,
  };
}

/** Reads a stream of the core to its end; `take` gets each piece. Rejects with the reason if a signal is aborted. */
export async function drain(open, signals, take) {
  const reading = new Reading(open());
  let stop;
  const aborted = new Promise((_, reject) => {
    stop = onAbort(signals, (reason) => {
      reading.end();
      reject(reason);
    });
  });
  const all = async () => {
    for (let piece; (piece = await reading.next()) !== undefined; ) take(piece);
  };
  try {
    await Promise.race([aborted, all()]);
  } finally {
    stop();
    reading.end();
  }
}

/** Reads a stream of the core. The core is asked for a piece when it has one, so that a wait takes no promise of its own. */
class Reading {
  #core;
  #number;
  #isOver = false;
  #isPolling = false;
  #bell = new Bell();

  constructor(core) {
    this.#core = core;
    this.#number = core.number;
  }

  /** The next piece; undefined at the end, and when `end` was called. Rejects with a KelpError. */
  async next() {
    while (!this.#isOver) {
      this.#bell.hasRung = false;
      checkTrap(this.#number);
      const piece = this.#poll();
      if (this.#isOver) break;
      if (piece instanceof KelpError) throw piece;
      if (piece !== null) return piece;
      const stop = onTrap(this.#number, this.#bell.ring);
      await this.#bell.rung();
      stop();
    }
    return undefined;
  }

  #poll() {
    this.#isPolling = true;
    try {
      return calling(() => this.#core.poll(this.#bell.ring), this.#number);
    } finally {
      this.#isPolling = false;
      if (this.#isOver) this.#free();
    }
  }

  #free() {
    if (!hasTrapped(this.#number)) this.#core.free();
  }

  /** Cancels it. Frees the object in wasm at once, instead of when it is collected as garbage. */
  end() {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!hasTrapped(this.#number)) this.#core.cancel();
    // A listener of the user's called it: the object is in use until the poll returns.
    if (!this.#isPolling) this.#free();
    this.#bell.ring();
  }
}

/** What the core rings when it has something. It keeps no stream alive that is not being read, since the core keeps it. */
class Bell {
  hasRung = false;
  #resume;
  /** The core calls it while it is at work, so it does not call the core. */
  ring = () => {
    this.hasRung = true;
    this.#resume?.();
    this.#resume = undefined;
  };

  async rung() {
    if (!this.hasRung) await new Promise((resume) => (this.#resume = resume));
  }
}
