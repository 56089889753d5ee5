// The core's streams as the platform's.

// WebKit's has no byte streams of one's own.
const BYTE_STREAMS = (() => {
  try {
    new ReadableStream({ type: "bytes" });
    return true;
  } catch {
    return false;
  }
})();

// A byte stream takes the whole buffer behind what it is given: whatever else lies in it would be gone.
const own = (piece) => (piece.byteLength === piece.buffer.byteLength ? piece : piece.slice());

// Not in every version of workerd.
const Weak = globalThis.WeakRef ?? class { constructor(it) { this.deref = () => it; } };

const weakly = (act, signal) => {
  const weak = new Weak(act);
  return () => weak.deref()?.(signal.reason);
};

/**
 * Calls `act` with the reason when one of the signals is aborted, now or later; returns a way to stop listening, which
 * alone keeps `act`: a signal may live long, and is not to keep a stream that nobody holds any more.
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

// The window is the only queue, and nothing is fetched before the first read.
const NO_QUEUE = { highWaterMark: 0 };

/** A ReadableStream of a core stream that `open` makes. */
export function readable(open, signals) {
  return new ReadableStream(source(open, signals), NO_QUEUE);
}

/** As `readable`, once its first piece has arrived, which is then its to give. Rejects as the first read would. */
export async function begun(open, signals) {
  const { start, ...rest } = source(open, signals);
  let first;
  const stream = new ReadableStream({
    ...rest,
    start(controller) {
      start(controller);
      first = rest.pull(controller);
    },
  }, NO_QUEUE);
  await first;
  // Where a signal came first, the stream is in error and nobody has seen it.
  for (const signal of signals) signal?.throwIfAborted();
  return stream;
}

function source(open, signals) {
  let core;
  let over = false;
  let stopListening;
  // The wasm side is freed at once, and not when the garbage collector comes by. Cancelling tells the user's listeners,
  // who may come back here: by then it is over.
  const end = () => {
    const ended = core;
    over = true;
    core = undefined;
    stopListening?.();
    ended?.cancel();
    ended?.free();
  };
  return {
    type: BYTE_STREAMS ? "bytes" : undefined,
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
      if (piece !== undefined) return controller.enqueue(BYTE_STREAMS ? own(piece) : piece);
      end();
      controller.close();
      // A reader that waits with a buffer of its own gets it back, empty.
      controller.byobRequest?.respond(0);
    },
    cancel: end,
  };
}

/** Reads a core stream to its end; `take` gets each piece. Rejects with the reason when a signal is aborted. */
export async function drain(open, signals, take) {
  const core = open();
  let stop;
  const aborted = new Promise((_, reject) => {
    stop = onAbort(signals, (reason) => {
      core.cancel();
      reject(reason);
    });
  });
  // Aborted before the first read, or after the last: nobody may be waiting for it.
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
