// Helpers of many behaviours.
import { ok } from "./assert.mjs";

/** Options without pauses between passes, for tests of the last attempt. */
export const QUICK = { retry: { passes: 2, baseDelay: 1, maxDelay: 20 } };

/**
 * Waits until a condition holds, for at most ten seconds: Chromium may read the rest of a cancelled response for five seconds
 * before it closes the connection.
 */
export async function until(condition, what = String(condition)) {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    ok(performance.now() < end, `not within ten seconds: ${what}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

/** Reads a stream to its end or its error: `{ bytes, error }`. */
export async function readAll(stream) {
  const reader = stream.getReader();
  const pieces = [];
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value);
    return { bytes: joined(pieces), error: null };
  } catch (error) {
    return { bytes: joined(pieces), error };
  }
}

/** Reads until at least `count` bytes have come. */
export async function readSome(reader, count) {
  const pieces = [];
  for (let length = 0; length < count;) {
    const { done, value } = await reader.read();
    ok(!done, `the stream ended after ${length} of ${count} bytes`);
    pieces.push(value);
    length += value.length;
  }
  return joined(pieces);
}

export function joined(pieces) {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** The most requests that the store answered concurrently, by its log. */
export function mostAtOnce(requests) {
  const steps = requests.flatMap(({ at, ended }) => [[at, 1], [ended ?? Infinity, -1]]).sort(([a, i], [b, j]) => a - b || i - j);
  let now = 0;
  return Math.max(0, ...steps.map(([, step]) => (now += step)));
}

/** The sum of one property. */
export const sum = (items, name) => items.reduce((total, item) => total + (item[name] ?? 0), 0);

/** Whether a text occurs in an error or an object, also in its causes. */
export function mentions(value, text) {
  const seen = new Set();
  const within = (item) => {
    if (typeof item === "string") return item.includes(text);
    if (item === null || typeof item !== "object" || seen.has(item)) return false;
    seen.add(item);
    return [...Object.getOwnPropertyNames(item), "code", "chunk", "attempts"].some((name) => within(item[name]));
  };
  return within(value);
}
