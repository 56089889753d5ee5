// Makes a ReadableStream of a stream of the core.
import { runtime } from "./runtime.js";

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
const ownBuffer = (piece) => (piece.byteLength === piece.buffer.byteLength ? piece : piece.slice());

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
  let core;
  let over = false;
  let stopListening;
  // Frees the wasm object at once instead of waiting for the garbage collector. `cancel` calls the user's listeners, which may
  // call back into this stream, so `over` is set before.
  const end = () => {
    const ended = core;
    over = true;
    core = undefined;
    stopListening?.();
    ended?.cancel();
    ended?.free();
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
      else core = open();
    },
    async pull(controller) {
      if (over) return;
      let piece;
      try {
        piece = await core.read();
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
  const core = open();
  let stop;
  const aborted = new Promise((_, reject) => {
    stop = onAbort(signals, (reason) => {
      core.cancel();
      reject(reason);
    });
  });
  // Otherwise an abort before the first read, or after the last, is an unhandled rejection.
  aborted.catch(() => {});
  try {
    for (;;) {
      const piece = await Promise.race([core.read(), aborted]);
      if (piece === undefined) return;
      take(piece);
    }
  } finally {
    stop();
    core.cancel();
    core.free();
  }
}
