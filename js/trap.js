// Traps of the wasm module: out of memory, or a bug of ours. What was at work stays as it was in the middle of a step and is not
// continued, so its stream or file fails with `internal`. The module works on for all others: it has one memory, and what they share with
// what trapped (a pool) may be locked, in which case they fail in the same way when they come to it.
import { KelpError } from "./error.js";

/** Numbers of streams and of files being opened that trapped. */
const trapped = new Set();

/** What is called when something that is waited for traps, by its number. */
const waiting = new Map();

let depth = 0;
let isCall = false;
let numberAtWork;

/** The error of what trapped. */
export const trapFailure = () => new KelpError("internal", "the wasm module has stopped in the middle of its work: please report this");

/** The exports of the module, which notice traps. `take`: the number of what is at work, and 0 from then on. */
export function guarded(exports, take) {
  numberAtWork = take;
  const entries = Object.entries(exports).map(([name, value]) => [name, typeof value === "function" ? guard(value) : value]);
  return Object.fromEntries(entries);
}

/** What the bridge takes for a result without a value and without an error. */
const NOTHING = [0, 0, 0];

// An exception of JavaScript that comes through frames of the module leaves it as a trap does.
const guard = (call) => (...args) => {
  depth++;
  try {
    return call(...args);
  } catch (thrown) {
    // Frames of the module are below: it is theirs, too.
    if (depth > 1) throw thrown;
    notice();
    if (isCall) throw trapFailure();
    // The platform called, which can do nothing with it.
    console.error("kelp-stream: the wasm module has stopped in the middle of its work", thrown);
    return NOTHING;
  } finally {
    depth--;
  }
};

function notice() {
  // This call into the module is guarded too.
  const number = numberAtWork();
  if (number === 0) return;
  trapped.add(number);
  waiting.get(number)?.();
}

/** Calls the module. A trap is an exception of the caller's, a KelpError; then what has this number has trapped. */
export function calling(call, number = 0) {
  const outer = isCall;
  isCall = true;
  try {
    return call();
  } catch (thrown) {
    if (number > 0) trapped.add(number);
    throw thrown;
  } finally {
    isCall = outer;
  }
}

/** Throws if the stream or file with this number has trapped. */
export function checkTrap(number) {
  if (trapped.has(number)) throw trapFailure();
}

/** Whether it has trapped. Then it must not be called any more. */
export const hasTrapped = (number) => trapped.has(number);

/** Has `wake` called if it traps. Returns a function that ends this. */
export function onTrap(number, wake) {
  waiting.set(number, wake);
  return () => waiting.delete(number);
}
