// The workers of a pool, with workers and a clock of the test.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Workers } from "../../../js/codec/workers.js";

/** A clock whose time the test moves. */
class Clock {
  now = 0;
  performance = { now: () => this.now };
  timers = new Map();
  #last = 0;

  setTimeout = (act, ms) => {
    this.timers.set(++this.#last, { act, at: this.now + ms });
    return this.#last;
  };

  clearTimeout = (id) => this.timers.delete(id);

  pass(ms) {
    this.now += ms;
    for (const [id, { act, at }] of [...this.timers]) {
      if (at > this.now || !this.timers.delete(id)) continue;
      act();
    }
  }
}

/** Workers that do what the test says. */
function stage() {
  const clock = new Clock();
  const started = [];
  const start = () => {
    const worker = {
      posted: [], transferred: [], isTerminated: false, refs: 0,
      postMessage(message, transfer = []) {
        this.posted.push(message);
        this.transferred.push(...transfer);
      },
      terminate() { this.isTerminated = true; },
      ref() { this.refs = 1; },
      unref() { this.refs = 0; },
      up() { this.onmessage({ data: { up: true } }); },
      answer(id, result = { pieces: [], by: "codec" }) { this.onmessage({ data: { id, result } }); },
      get jobs() { return this.posted.filter(({ id }) => id !== undefined).map(({ id }) => id); },
    };
    started.push(worker);
    return worker;
  };
  return { clock, started, start, workers: new Workers(start, clock) };
}

/** A chunk that WebCrypto alone decodes, so that no codec module is needed. */
const chunk = (bytes = 100, own = true) => ({
  stored: [new Uint8Array(bytes)], own: [own],
  params: { key: new Uint8Array(32).fill(7), gzip: false, outputLength: bytes, maxOutput: bytes, md5: undefined, native: true },
});

test("the first chunk starts a worker and does not wait for it", async () => {
  const { workers, started } = stage();
  assert.equal(workers.submit(chunk(), 4, false), undefined, "this thread decodes");
  assert.equal(started.length, 1);
  assert.equal(workers.submit(chunk(), 4, false), undefined);
  assert.equal(started.length, 1, "one is being started");
  assert.equal(workers.up, 0);
  started[0].up();
  assert.equal(workers.up, 1);
  const { done } = workers.submit(chunk(), 4, false);
  started[0].answer(started[0].jobs[0]);
  assert.deepEqual(await done, { pieces: [], by: "worker, codec" });
});

test("chunks wait for a worker if a number of workers is forced", async () => {
  const { workers, started } = stage();
  const jobs = [1, 2, 3].map(() => workers.submit(chunk(), 1, true));
  assert.deepEqual(started[0].jobs, []);
  started[0].up();
  assert.equal(started[0].jobs.length, 2, "two chunks at a time");
  started[0].answer(started[0].jobs[0]);
  assert.equal(started[0].jobs.length, 3);
  for (const id of started[0].jobs.slice(1)) started[0].answer(id);
  assert.equal((await Promise.all(jobs.map(({ done }) => done))).length, 3);
  assert.equal(started.length, 1);
});

test("another worker starts while all that are up have chunks", () => {
  const { workers, started } = stage();
  workers.submit(chunk(), 2, true);
  started[0].up();
  workers.submit(chunk(), 2, true);
  assert.equal(started.length, 2);
  assert.equal(started[0].jobs.length, 2, "and the first one has the chunk");
  started[1].up();
  workers.submit(chunk(), 2, true);
  assert.equal(started[1].jobs.length, 1, "the one with fewer chunks gets the next");
  workers.submit(chunk(), 2, true);
  workers.submit(chunk(), 2, true);
  assert.equal(started.length, 2, "not more than the limit");
});

test("arrays of others are copied, and own ones are transferred", () => {
  const { workers, started } = stage();
  const [own, others] = [chunk(100, true), chunk(100, false)];
  const part = { ...chunk(), stored: [new Uint8Array(100).subarray(10)] };
  for (const each of [own, others, part]) workers.submit(each, 3, true);
  const arrays = [own, others, part].map(({ stored }) => stored?.[0]);
  for (const worker of [...started]) worker.up();
  for (const worker of started.slice(1)) worker.up();
  const transferred = started.flatMap((worker) => worker.transferred);
  assert.equal(transferred.length, 3);
  assert.ok(transferred.includes(arrays[0].buffer), "an own array");
  assert.ok(!transferred.includes(arrays[1].buffer), "an array of others");
  assert.ok(!transferred.includes(arrays[2].buffer), "a part of an array");
});

test("keys are cleared when they were posted, and when cancelled", () => {
  const { workers, started } = stage();
  const keys = [];
  const jobs = [1, 2, 3].map(() => {
    const each = chunk();
    keys.push(each.params.key);
    return workers.submit(each, 1, true);
  });
  started[0].up();
  workers.cancel(jobs[2]);
  const cleared = keys.map((key) => key.every((byte) => byte === 0));
  assert.deepEqual(cleared, [true, true, true]);
});

test("a cancelled chunk is not begun, and its answer is dropped", async () => {
  const { workers, started } = stage();
  const [posted, queued] = [1, 2, 3].map(() => workers.submit(chunk(), 1, true)).slice(1);
  started[0].up();
  workers.cancel(posted);
  workers.cancel(queued);
  assert.deepEqual(started[0].posted.at(-1), { cancel: posted.id });
  assert.equal(started[0].jobs.length, 2, "the queued one was never posted");
  started[0].answer(posted.id);
  assert.equal((await posted.done).error, "interrupted");
  assert.equal((await queued.done).error, "interrupted");
});

for (const [how, die] of [
  ["dies", (worker) => worker.onerror({ preventDefault() {} })],
  ["posts what cannot be read", (worker) => worker.onmessageerror()],
  ["hangs", (_, clock) => clock.pass(10_500)],
]) {
  test(`a worker that ${how} is replaced`, async () => {
    const { workers, started, clock } = stage();
    const lost = workers.submit(chunk(), 1, true);
    started[0].up();
    const [, waiting] = [1, 2].map(() => workers.submit(chunk(), 1, true));
    die(started[0], clock);
    assert.ok(started[0].isTerminated);
    assert.equal((await lost.done).error, "interrupted");
    assert.equal(started.length, 2, "another one is started for what waits");
    started[1].up();
    started[1].answer(waiting.id);
    assert.equal((await waiting.done).by, "worker, codec");
  });
}

// F211
test("a worker that was frozen with its page is not lost", async () => {
  const { workers, started, clock } = stage();
  const starting = workers.submit(chunk(), 1, true);
  clock.pass(3_600_000);
  started[0].up();
  clock.pass(3_600_000);
  started[0].answer(starting.id);
  assert.equal((await starting.done).by, "worker, codec");
  assert.equal(started.length, 1);
});

// F211
test("a worker that hangs while timers are always late is lost", () => {
  const { workers, started, clock } = stage();
  workers.submit(chunk(), 1, true);
  started[0].up();
  for (let i = 0; i < 3; i++) clock.pass(60_000);
  assert.ok(!started[0].isTerminated);
  clock.pass(60_000);
  assert.ok(started[0].isTerminated);
});

test("a large chunk has more time", async () => {
  const { workers, started, clock } = stage();
  workers.submit(chunk(16 << 20), 1, true);
  started[0].up();
  clock.pass(41_000);
  assert.ok(!started[0].isTerminated);
  clock.pass(1500);
  assert.ok(started[0].isTerminated);
});

for (const [how, fail] of [
  ["throws", null],
  ["reports an error", (worker) => worker.onerror()],
  ["never comes up", (_, clock) => clock.pass(10_001)],
]) {
  test(`a worker that ${how} at the start leaves chunks to this thread`, async () => {
    const { clock, started, start } = stage();
    const workers = new Workers(fail ? start : () => { throw new Error("SecurityError"); }, clock);
    const job = workers.submit(chunk(), 2, true);
    if (fail) {
      fail(started[0], clock);
      assert.equal(await job.done, undefined);
    } else {
      assert.equal(job, undefined);
    }
    assert.equal(workers.submit(chunk(), 2, true), undefined, "for good");
    assert.ok(started.length <= 1);
    assert.equal(clock.timers.size, 0);
  });
}

test("three deaths in succession end the use of workers", async () => {
  const { workers, started } = stage();
  for (let i = 0; i < 3; i++) {
    workers.submit(chunk(), 1, true);
    started[i].up();
    started[i].onerror();
  }
  assert.equal(workers.submit(chunk(), 1, true), undefined);
});

test("a worker without the codec ends the use of workers", async () => {
  const { workers, started } = stage();
  const job = workers.submit(chunk(), 1, true);
  started[0].up();
  started[0].answer(job.id, { error: "unavailable" });
  assert.equal((await job.done).error, "interrupted");
  assert.equal(workers.submit(chunk(), 1, true), undefined);
});

test("an error of the chunk is its result", async () => {
  const { workers, started } = stage();
  const job = workers.submit(chunk(), 1, true);
  started[0].up();
  started[0].answer(job.id, { error: "tag" });
  assert.deepEqual(await job.done, { error: "tag" });
});

test("idle workers end after a minute, and the next chunk starts one", async () => {
  const { workers, started, clock } = stage();
  const job = workers.submit(chunk(), 1, true);
  started[0].up();
  clock.pass(5000);
  started[0].answer(job.id);
  await job.done;
  clock.pass(59_000);
  assert.equal(workers.up, 1);
  clock.pass(1001);
  assert.ok(started[0].isTerminated);
  assert.equal(workers.up, 0);
  assert.equal(clock.timers.size, 0, "no timer is left");
  workers.submit(chunk(), 1, true);
  assert.equal(started.length, 2);
});

test("a worker keeps a program alive only while it has chunks", async () => {
  const { workers, started } = stage();
  const job = workers.submit(chunk(), 1, true);
  started[0].up();
  assert.equal(started[0].refs, 1);
  started[0].answer(job.id);
  assert.equal(started[0].refs, 0);
});

test("closing ends workers, chunks and timers", async () => {
  const { workers, started, clock } = stage();
  const jobs = [1, 2, 3].map(() => workers.submit(chunk(), 1, true));
  started[0].up();
  workers.close();
  for (const { done } of jobs) assert.equal((await done).error, "interrupted");
  assert.ok(started[0].isTerminated);
  assert.equal(clock.timers.size, 0);
  assert.equal(workers.submit(chunk(), 1, true), undefined);
});
