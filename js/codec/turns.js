// Turns of the event loop: work is cut into slices, so that no task blocks the thread for long.

/** Milliseconds of work in one task. The limit of a task is 8 ms: one step of work may follow, and the task may have begun before. */
const SLICE = 4;

/** Whether work may go on in a later turn. At the edge it may not: a turn belongs to one request. */
let hasTurns = true;

/** Says that this platform must not share turns between requests. */
export function withoutTurns() {
  hasTurns = false;
}

const waiting = [];
let wake;

// A message, not `scheduler.yield`: its continuations precede timers and messages of the page. With slices of 4 ms for 400 ms in
// Chromium 156, a timer of the page came once, after all of them; with messages it came every 10 ms.
function waker() {
  if (typeof setImmediate === "function") return () => setImmediate(next);
  if (typeof MessageChannel !== "function") return () => setTimeout(next, 0);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = next;
  return () => port2.postMessage(0);
}

function next() {
  begin();
  waiting.shift()();
}

/** Calls `resume` in a later task. Returns false if there is none. */
export function later(resume) {
  if (!hasTurns) return false;
  waiting.push(resume);
  wake ??= waker();
  wake();
  return true;
}

// When the current slice began. Whether other tasks have run since cannot be known, so the first work after a while waits for a turn.
let begun = -Infinity;

/** Says that a new task has begun: something has come from the network. */
export function begin() {
  begun = performance.now();
}

/** Whether the slice has taken its time. Slices of all work on this thread are counted together. */
export function isSliceOver() {
  return hasTurns && performance.now() - begun >= SLICE;
}

/** Resolves in a later task if the slice is over; else returns undefined. */
export function pause() {
  return isSliceOver() ? new Promise(later) : undefined;
}

/** Resolves in a later task: for work of several milliseconds that cannot be cut. */
export function turn() {
  return hasTurns ? new Promise(later) : undefined;
}

let tail;

/** Runs `work` after all the work that was given before. Two chunks at a time would be no faster, and would take more memory. */
export function inTurn(work) {
  const done = tail === undefined || !hasTurns ? work() : tail.then(work);
  const settled = done.then(() => {}, () => {}).then(() => {
    if (tail === settled) tail = undefined;
  });
  tail = settled;
  return done;
}
