// The order and the look-ahead of joined bodies, in Node: the test gives the responses and moves the clock.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { importModule } from "./gateway-module.mjs";

const { Relay } = await importModule("relay.ts");

const KIB = 1024;

/** Eight views of 1 KiB. `read(place, ms)` lets the client read a body, and takes that many milliseconds. */
function start(limits, { refused = [], broken = -1, rest = fromCore } = {}) {
  mock.timers.enable({ apis: ["Date"] });
  const views = Array.from({ length: 8 }, (_, i) => ({ fileId: `1,0${i}`, start: i * KIB, end: (i + 1) * KIB }));
  const asked = [];
  const cancelled = [];
  const take = async ({ start }) => {
    const place = start / KIB;
    asked.push(place);
    if (refused.includes(place)) return null;
    return new Response(new ReadableStream({
      async pull(controller) {
        await turns[place].promise;
        if (place === broken) throw new TypeError("broken");
        controller.enqueue(Uint8Array.of(place));
        controller.close();
      },
      cancel: () => void cancelled.push(place),
    }, { highWaterMark: 0 }));
  };
  const turns = views.map(withResolvers);
  const relay = new Relay(views, take, { bodies: 99, bytes: 99 * KIB, ...limits });
  const sent = [];
  const into = new WritableStream({ write: (piece) => void sent.push(...piece), abort: () => void sent.push("abort"), close: () => void sent.push("close") });
  const pumped = relay.body(0).then((first) => relay.pump(first, into, rest));
  const read = async (place, ms) => {
    await settled();
    mock.timers.tick(ms);
    turns[place].resolve();
    await settled();
  };
  return { asked, cancelled, sent, pumped, read, done: () => mock.timers.reset() };
}

/** What the core reads: the number of the view, plus 100. */
const fromCore = (start, into) => {
  const body = new ReadableStream({ start: (controller) => (controller.enqueue(Uint8Array.of(100 + start / KIB)), controller.close()) });
  return body.pipeTo(into).then(() => true);
};

const withResolvers = () => {
  let resolve;
  return { promise: new Promise((ours) => (resolve = ours)), resolve };
};
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("bodies are sent in order; look-ahead begins after the first", async () => {
  const { asked, sent, pumped, read, done } = start();
  await settled();
  assert.deepEqual(asked, [0]);
  await read(0, 1);
  assert.deepEqual(asked, [0, 1, 2, 3, 4, 5, 6, 7]);
  for (let i = 7; i > 0; i--) await read(i, 1);
  await pumped;
  assert.deepEqual(sent, [0, 1, 2, 3, 4, 5, 6, 7, "close"]);
  done();
});

test("look-ahead is limited in bodies and in bytes", async () => {
  for (const [limits, most] of [[{ bodies: 3 }, 3], [{ bodies: 1 }, 1], [{ bytes: 2 * KIB }, 3], [{ bytes: 1 }, 2]]) {
    const { asked, read, done } = start(limits);
    for (let i = 0; i < 5; i++) {
      await read(i, 1);
      assert.equal(asked.length, i + 1 + most, `${JSON.stringify(limits)} after ${i}`);
    }
    done();
  }
});

test("a body that would wait for more than 5 s is not requested", async () => {
  const { asked, read, done } = start();
  // Each takes two seconds, so the second body ahead waits for four.
  for (let i = 0; i < 3; i++) {
    await read(i, 2000);
    assert.deepEqual(asked.at(-1), i + 3);
  }
  await read(3, 60_000);
  assert.deepEqual(asked.at(-1), 5, "requested before");
  await read(4, 6_000);
  await read(5, 6_000);
  assert.deepEqual(asked.at(-1), 6, "one at a time");
  done();
});

test("the core continues at a body that cannot be passed through", async () => {
  const { cancelled, sent, pumped, read, done } = start({}, { refused: [3] });
  for (let i = 0; i < 3; i++) await read(i, 1);
  await pumped;
  assert.deepEqual(sent, [0, 1, 2, 103, "close"]);
  assert.deepEqual(cancelled, [4, 5, 6, 7]);
  done();
});

test("the body breaks if the core cannot continue", async () => {
  const { sent, pumped, read, done } = start({}, { refused: [2], rest: () => { throw new Error("no memory"); } });
  for (let i = 0; i < 2; i++) await read(i, 1);
  await pumped;
  assert.deepEqual(sent, [0, 1, "abort"]);
  done();
});

test("a broken body breaks the answer and cancels waiting bodies", async () => {
  const { cancelled, sent, pumped, read, done } = start({}, { broken: 2 });
  for (let i = 0; i < 3; i++) await read(i, 1);
  await pumped;
  assert.deepEqual(sent, [0, 1, "abort"]);
  assert.deepEqual(cancelled, [3, 4, 5, 6, 7]);
  done();
});
