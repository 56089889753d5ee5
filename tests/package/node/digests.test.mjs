// Digests in lockstep, with the codec module of the package.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { codec, giveCodec } from "../../../js/codec/module.js";
import { digest, hurry } from "../../../js/codec/digests.js";
import { installed } from "../support.mjs";
import { noise } from "../../store/index.mjs";

giveCodec(new WebAssembly.Module(readFileSync(join(installed, "dist/kelp_stream_codec.wasm"))));

const STEP = 64 << 10;
const LANES = (await codec()).lanes();
const FULL = Array(LANES).fill(STEP);
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const md5 = (bytes) => createHash("md5").update(bytes).digest("hex");
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const valueOf = (digest) => new Promise((done) => digest.value(done));
const bytesOf = (seed, length) => new Uint8Array(noise(seed, length));

let instance, steps;
beforeEach(async () => {
  instance = await codec();
  steps = [];
  const update = (instance.plainUpdate ??= instance.md5_update);
  instance.md5_update = (table, rows) => {
    steps.push(Array.from({ length: rows }, (_, row) => new Uint32Array(instance.bytes.buffer, table + 12 * row, 3)[2]));
    update(table, rows);
  };
});

test("a digest is that of its pieces, however they are cut", async () => {
  for (const length of [0, 1, 63, 64, 65, STEP - 1, STEP, STEP + 1, 3 * STEP + 7, 700_001]) {
    const all = bytesOf("cut", length);
    for (const cut of [1 << 20, 100_000, STEP, 4097, 63]) {
      const whole = digest(false);
      for (let at = 0; at < length; at += cut) whole.update(all.subarray(at, at + cut));
      assert.equal(hex(await valueOf(whole)), md5(all), `${length} bytes in pieces of ${cut}`);
      whole.free();
    }
  }
});

test("bytes may follow after the value", async () => {
  const all = bytesOf("more", 200_000);
  const one = digest(false);
  one.update(all.subarray(0, 70_000));
  assert.equal(hex(await valueOf(one)), md5(all.subarray(0, 70_000)));
  assert.equal(hex(await valueOf(one)), md5(all.subarray(0, 70_000)), "again");
  one.update(all.subarray(70_000));
  assert.equal(hex(await valueOf(one)), md5(all));
  one.free();
});

test("nothing is digested before there is a step for every lane", async () => {
  const all = Array.from({ length: LANES - 1 }, () => digest(false));
  for (const each of all) each.update(bytesOf("a", STEP));
  await turn();
  assert.deepEqual(steps, []);
  const last = digest(false);
  last.update(bytesOf("a", STEP));
  assert.deepEqual(steps, [], "not in the turn in which bytes arrive");
  await turn();
  assert.deepEqual(steps, [FULL]);
  for (const each of [...all, last]) each.free();
});

test("a piece that leaves takes along the largest backlogs", async () => {
  const [head, ...others] = Array.from({ length: 5 }, () => digest(false));
  const end = head.update(bytesOf("a", 10_000));
  others.forEach((each, i) => each.update(bytesOf("b", [5000, 20_000, 9000, 30_000][i])));
  assert.equal(head.reach(end), undefined);
  assert.deepEqual(steps, [[10_000, 10_000, 10_000, 9000]]);
  assert.equal(head.reach(end), undefined, "once");
  assert.equal(steps.length, 1);
  assert.equal(hex(await valueOf(head)), md5(bytesOf("a", 10_000)));
  for (const each of [head, ...others]) each.free();
});

test("a value waits for a reader, and meanwhile for the bytes of others", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const all = bytesOf("late", 2 * STEP);
  const one = digest(false);
  one.update(all);
  let isDone = false;
  const value = Promise.resolve(valueOf(one)).then((md5) => ((isDone = true), md5));
  await turn();
  assert.deepEqual([isDone, steps], [false, []]);
  const others = Array.from({ length: LANES - 1 }, () => digest(false));
  for (const each of others) each.update(bytesOf("other", STEP));
  await turn();
  assert.deepEqual([isDone, steps], [false, [FULL]], "a full step needs no reader");
  hurry();
  assert.equal(hex(await value), md5(all));
  assert.equal(steps.length, 2);
  for (const each of [one, ...others]) each.free();
  t.mock.timers.tick(20);
});

test("a value that no reader waits for is computed after a while", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const all = bytesOf("alone", STEP + 1);
  const one = digest(false);
  one.update(all);
  const value = valueOf(one);
  await turn();
  assert.deepEqual(steps, []);
  t.mock.timers.tick(20);
  assert.equal(hex(await value), md5(all));
  one.free();
});

test("values that are asked for in one turn are computed together", async () => {
  const all = Array.from({ length: 4 }, (_, i) => bytesOf(`v${i}`, 50_000 + i));
  const digests = all.map((bytes) => {
    const one = digest(false);
    one.update(bytes);
    return one;
  });
  const values = await Promise.all(digests.map((each) => valueOf(each)));
  assert.deepEqual(values.map(hex), all.map(md5));
  assert.ok(steps.length <= 4 && steps[0].length === 4, JSON.stringify(steps));
  for (const each of digests) each.free();
});

test("many chunks with random pieces have the right digests", async () => {
  let seed = 1;
  const random = (below) => ((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8) % below;
  const chunks = Array.from({ length: 40 }, (_, i) => ({ bytes: bytesOf(`r${i}`, 1 + random(400_000)), at: 0, one: digest(false), ends: [] }));
  while (chunks.some(({ at, bytes }) => at < bytes.length)) {
    const { bytes, one, ends, ...chunk } = chunks[random(chunks.length)];
    const target = chunks.find((each) => each.one === one);
    if (chunk.at < bytes.length) {
      const length = 1 + random(90_000);
      ends.push(one.update(bytes.slice(chunk.at, chunk.at + length)));
      target.at += length;
    } else if (ends.length > 0) {
      await one.reach(ends.shift());
    }
    if (random(10) === 0) await turn();
  }
  for (const { bytes, one } of chunks) {
    assert.equal(hex(await valueOf(one)), md5(bytes));
    one.free();
  }
});

test("a piece that was digested may be detached", async () => {
  const bytes = bytesOf("d", 100_000);
  const wanted = md5(bytes);
  const one = digest(false);
  one.reach(one.update(bytes));
  structuredClone(bytes, { transfer: [bytes.buffer] });
  assert.equal(hex(await valueOf(one)), wanted);
  one.free();
});

test("a piece that its owner detached gives a wrong digest", async () => {
  const bytes = bytesOf("d", 100_000);
  const wanted = md5(bytes);
  const one = digest(false);
  const end = one.update(bytes);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  await one.reach(end);
  assert.notEqual(hex(await valueOf(one)), wanted);
  one.free();
});

test("a long piece is digested with pauses", async () => {
  const bytes = bytesOf("long", 24 << 20);
  const one = digest(false);
  const reached = one.reach(one.update(bytes));
  assert.ok(reached instanceof Promise);
  let turns = 0, isOver = false;
  (async () => {
    for (; !isOver; turns++) await turn();
  })();
  await reached;
  isOver = true;
  assert.ok(turns > 2, `${turns} turns`);
  assert.equal(hex(await valueOf(one)), md5(bytes));
  one.free();
});

test("CRC-32C is that of the pieces", async () => {
  const one = digest(true);
  for (const text of ["1234", "", "56789"]) one.update(new TextEncoder().encode(text));
  // The check value of RFC 3720's polynomial.
  assert.equal(await valueOf(one), 0xe3069283);
  const long = digest(true);
  long.update(new Uint8Array(200_000));
  const parts = digest(true);
  for (let i = 0; i < 4; i++) parts.update(new Uint8Array(50_000));
  assert.equal(await valueOf(long), await valueOf(parts));
});

test("freed digests leave no memory behind", async () => {
  const make = async () => {
    for (let i = 0; i < 2000; i++) {
      const one = digest(false);
      one.update(bytesOf("f", 100));
      if (i % 2) {
        const value = valueOf(one);
        hurry();
        await value;
      }
      one.free();
    }
  };
  await make();
  const before = instance.bytes.length;
  for (let i = 0; i < 10; i++) await make();
  assert.equal(instance.bytes.length, before);
});

// The last test: the instance is not used any more.
test("after a trap there is no value, and the next digest has another instance", async () => {
  const one = digest(false);
  one.update(bytesOf("t", 100_000));
  instance.md5_update = () => { throw new WebAssembly.RuntimeError("unreachable"); };
  assert.equal(await valueOf(one), undefined);
  const next = await codec();
  assert.notEqual(next, instance);
  const other = digest(false);
  other.update(bytesOf("t", 100_000));
  assert.equal(hex(await valueOf(other)), md5(bytesOf("t", 100_000)));
});
