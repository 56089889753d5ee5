// The order and the look-ahead of joined bodies, in Node: the test gives the responses and moves the clock.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { importModule } from "./gateway-module.mjs";

const { Relay } = await importModule("relay.ts");

const KIB = 1024;

/**
 * Eight views of 1 KiB, which come in pieces of 512 bytes. `read(place, ms)` lets a server send a body, and the client takes that
 * many milliseconds for it. `refused` bodies cannot be passed through, `broken` ones end in their middle, `stalled` ones stop there, and each
 * piece of `slow` ones takes 15 seconds.
 */
function start(limits, { refused = [], broken = [], stalled = [], slow = [], core = fromCore } = {}) {
  mock.timers.enable({ apis: ["Date", "setTimeout"] });
  const views = Array.from({ length: 8 }, (_, i) => ({ fileId: `1,0${i}`, origin: i * KIB, start: i * KIB, end: (i + 1) * KIB, range: null, md5: null }));
  const asked = [];
  const cancelled = [];
  const ranges = [];
  const take = async ({ start, end, range }) => {
    const place = Math.floor(start / KIB);
    asked.push(place);
    ranges.push(range);
    if (refused.includes(place)) return null;
    let at = start;
    return new Response(new ReadableStream({
      async pull(controller) {
        await turns[place].promise;
        if (at > start && broken.includes(place)) throw new TypeError("broken");
        if (at > start && stalled.includes(place)) return new Promise(() => {});
        if (slow.includes(place)) await new Promise((resolve) => setTimeout(resolve, 15_000));
        const length = Math.min(KIB / 2, end - at);
        controller.enqueue(new Uint8Array(length).fill(place));
        at += length;
        if (at === end) controller.close();
      },
      cancel: () => void cancelled.push(place),
    }, { highWaterMark: 0 }));
  };
  const turns = views.map(withResolvers);
  const released = [];
  const relay = new Relay(views, take, async (start) => ({ ...(await core(start)), release: () => void released.push(start) }), { bodies: 99, bytes: 99 * KIB, verify: "off", ...limits });
  const sent = [];
  const takes = {};
  const pumped = (async () => {
    assert.equal(await relay.begin(), true);
    await pump();
  })();
  const pump = async () => {
    try {
      for (let next = await relay.read(); !next.done; next = await relay.read()) {
        const [place] = next.value;
        sent.push([place, next.value.length]);
        mock.timers.tick(takes[place] ?? 0);
        takes[place] = 0;
      }
      sent.push("end");
    } catch (error) {
      sent.push(error.message);
    }
    await relay.cancel();
  };
  const read = async (place, ms) => {
    await settled();
    takes[place] = ms;
    turns[place].resolve();
    await settled();
  };
  return { asked, ranges, cancelled, released, sent, pumped, read, relay, pump, done: () => mock.timers.reset() };
}

/** What the core reads: everything up to the end in one piece of hundreds. */
const fromCore = (start) => ({ reader: new Blob([new Uint8Array(8 * KIB - start).fill(100)]).stream().getReader() });

/** The bytes of the first of these views, each in two pieces. */
const halves = (count) => Array.from({ length: 2 * count }, (_, i) => [i >> 1, KIB / 2]);

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
  assert.deepEqual(sent, [...halves(8), "end"]);
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
  const { cancelled, released, sent, pumped, read, done } = start({}, { refused: [3] });
  for (let i = 0; i < 3; i++) await read(i, 1);
  await pumped;
  assert.deepEqual(sent, [...halves(3), ...Array(5).fill([100, KIB]), "end"]);
  assert.deepEqual([cancelled, released], [[4, 5, 6, 7], [3 * KIB]]);
  done();
});

test("the answer fails if the core cannot continue", async () => {
  const { sent, pumped, read, done } = start({}, { refused: [2], core: () => { throw new Error("no memory"); } });
  for (let i = 0; i < 2; i++) await read(i, 1);
  await pumped;
  assert.deepEqual(sent, [...halves(2), "no memory"]);
  done();
});

test("the core continues in the middle of a body that breaks", async () => {
  const { cancelled, released, sent, pumped, read, done } = start({}, { broken: [2] });
  for (let i = 0; i < 3; i++) await read(i, 1);
  await pumped;
  assert.deepEqual(sent, [...halves(2), [2, KIB / 2], [100, KIB / 2], ...Array(5).fill([100, KIB]), "end"]);
  assert.deepEqual([cancelled, released], [[3, 4, 5, 6, 7], [2 * KIB + KIB / 2]]);
  done();
});

// F208
test("a body that stalls or drips is continued by the core", async () => {
  for (const [how, waits] of [[{ stalled: [1] }, [19_999, 1]], [{ slow: [1] }, [15_000, 15_000]]]) {
    const { sent, pumped, read, done } = start({}, how);
    await read(0, 1);
    await read(1, 1);
    for (const ms of waits) {
      assert.ok(!sent.includes("end"));
      mock.timers.tick(ms);
      await settled();
    }
    await pumped;
    assert.deepEqual(sent, [...halves(1), [1, KIB / 2], [100, KIB / 2], ...Array(6).fill([100, KIB]), "end"]);
    done();
  }
});

// F209
test("a relay that was cancelled goes on where it was", async () => {
  const { asked, ranges, cancelled, relay, sent, pumped, pump, read, done } = start({}, { stalled: [1] });
  await read(0, 1);
  await read(1, 1);
  await relay.cancel();
  await pumped;
  assert.deepEqual([sent, cancelled.sort()], [[...halves(1), [1, KIB / 2], "cancelled"], [1, 2, 3, 4, 5, 6, 7]]);
  const again = pump();
  for (let i = 2; i < 8; i++) await read(i, 1);
  await again;
  assert.deepEqual(ranges[8], "bytes=512-1023");
  assert.deepEqual(asked.slice(8), [1, 2, 3, 4, 5, 6, 7], "the others are asked for again");
  assert.deepEqual(sent.slice(4), [[1, KIB / 2], ...halves(8).slice(4), "end"]);
  done();
});

// F209
test("what the core opens for a relay that was cancelled is given back", async () => {
  const opened = withResolvers();
  const core = () => opened.promise.then(() => fromCore(3 * KIB));
  const { released, relay, sent, pumped, read, done } = start({}, { refused: [3], core });
  for (let i = 0; i < 3; i++) await read(i, 1);
  await relay.cancel();
  opened.resolve();
  await pumped;
  assert.deepEqual([sent.at(-1), released], ["the core ended a stream early", [3 * KIB]]);
  done();
});
