// How many bytes a read of a body waits for, in workerd's reader of large pieces.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { bodyReader } from "../../js/workerd/body.js";

const KIB = 1024;

let now = 0;
mock.method(performance, "now", () => now);

/** A body whose reads give `[milliseconds, bytes, done]`; `asked` gets how many bytes each waits for, and the size of its buffer. */
function body(script, asked = []) {
  const steps = [...script];
  const readAtLeast = async (min, { buffer }) => {
    asked.push([min, buffer.byteLength]);
    const [ms, length, done = false] = steps.shift();
    now += ms;
    return { value: new Uint8Array(structuredClone(buffer, { transfer: [buffer] }), 0, length), done };
  };
  return { asked, getReader: ({ mode }) => (assert.equal(mode, "byob"), { readAtLeast }) };
}

async function drain(reader) {
  const pieces = [];
  for (let piece; (piece = await reader.read()) !== undefined;) pieces.push(piece);
  return pieces;
}

test("a fast body is read in pieces of 256 KiB", async () => {
  const { asked, ...stream } = body([[0, 16 * KIB], [0, 32 * KIB], [0, 64 * KIB], [0, 128 * KIB], [1, 256 * KIB], [1, 256 * KIB], [0, 0, true]]);
  const reader = bodyReader(stream);
  const pieces = await drain(reader);
  assert.deepEqual(asked.map(([min]) => min / KIB), [1 / KIB, 32, 64, 128, 256, 256, 256]);
  assert.deepEqual(pieces.map((piece) => piece.length / KIB), [16, 32, 64, 128, 256, 256]);
});

test("a slow body is not waited for", async () => {
  const { asked, ...stream } = body([[0, 16 * KIB], [3000, 32 * KIB], [1000, 10], [1000, 10], [0, 0, true]]);
  await drain(bodyReader(stream));
  // 32 KiB in three seconds are 327 bytes in 30 ms.
  assert.deepEqual(asked.map(([min]) => min), [1, 32 * KIB, 327, 1, 1]);
});

test("a read waits for at most twice what the last one gave", async () => {
  const { asked, ...stream } = body([[0, 5], [0, 6], [0, 0, true]]);
  await drain(bodyReader(stream));
  assert.deepEqual(asked.map(([min]) => min), [1, 10, 12]);
});

test("a small piece does not keep a large buffer", async () => {
  const pieces = await drain(bodyReader(body([[50, 3], [50, 4], [50, 16 * KIB], [0, 0, true]])));
  assert.deepEqual(pieces.map(({ length, buffer }) => [length, buffer.byteLength]), [[3, 3], [4, 4], [16 * KIB, 16 * KIB]]);
});

test("buffers are no larger than the body", async () => {
  const { asked, ...stream } = body([[0, 600], [0, 400], [0, 0, true]]);
  await drain(bodyReader(stream, 1000));
  assert.deepEqual(asked.map(([, size]) => size), [1000, 1000, 16 * KIB]);
});

test("the last read may bring bytes and the end", async () => {
  const pieces = await drain(bodyReader(body([[0, 10], [0, 7, true]])));
  assert.deepEqual(pieces.map(({ length }) => length), [10, 7]);
});

test("a stream that cannot fill a buffer is not read", () => {
  let released = 0;
  assert.equal(bodyReader({ getReader: () => ({ releaseLock: () => released++ }) }), undefined);
  assert.equal(released, 1);
  assert.equal(bodyReader({ getReader() { throw new TypeError("locked"); } }), undefined);
});
