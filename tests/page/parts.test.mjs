// The parts of the page that need no page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../scripts/command.mjs";
import { explain } from "../../www/errors.js";
import { formatBytes, formatCount, formatTime } from "../../www/format.js";
import { stateOf, Timeline } from "../../www/timeline.js";

const view = (events) => {
  const timeline = new Timeline(1, () => 100);
  for (const [at, kind, more] of events) timeline.add({ at, kind, index: 0, ...more });
  return timeline;
};
const REQUEST = [[0, "queue"], [1, "request", { host: "a:1", bytes: 10 }]];
const ARRIVED = [...REQUEST, [5, "headers", { host: "a:1", status: 200 }], [6, "first-byte", { host: "a:1" }], [6, "body", { host: "a:1", bytes: 10 }]];

test("a view is queued, waits, arrives, is held, is delivered", () => {
  const states = ["queued", "waiting", "waiting", "arriving", "held"].map((state, index) => [state, stateOf(view(ARRIVED.slice(0, index + 1)).rows[0])]);
  for (const [expected, actual] of states) assert.equal(actual, expected);
  assert.equal(stateOf(view([...ARRIVED, [9, "delivered", { bytes: 10 }]]).rows[0]), "delivered");
  assert.equal(stateOf(undefined), "ahead");
});

test("another replica is another attempt, with a letter and a colour of its own", () => {
  const { rows, hosts } = view([...REQUEST, [7, "failover", { host: "a:1", reason: "network" }], [7, "request", { host: "b:2", bytes: 10 }]]);
  assert.deepEqual(rows[0].attempts.map(({ host, failedAt, reason }) => [host, failedAt, reason]), [["a:1", 7, "network"], ["b:2", undefined, undefined]]);
  assert.deepEqual([...hosts.values()].map(({ letter, requests }) => [letter, requests]), [["A", 1], ["B", 1]]);
});

test("time stands still after the end", () => {
  const timeline = view([...ARRIVED, [9, "end"]]);
  timeline.stop();
  assert.equal(timeline.now, 9);
});

test("every code of an error has an advice", () => {
  const types = readFileSync(join(root, "src/web/front/index.d.ts"), "utf8");
  const codes = /type ErrorCode =([^;]+);/.exec(types)[1].match(/\w+/g);
  assert.ok(codes.length > 10);
  const unexpected = explain(new Error("x")).meaning;
  for (const code of codes) assert.notEqual(explain({ code, message: "x" }).meaning, unexpected, code);
});

test("numbers are written as people read them", () => {
  assert.deepEqual([0, 1023, 1024, 2327031, 2 ** 40].map(formatBytes), ["0 B", "1023 B", "1.00 KiB", "2.22 MiB", "1.00 TiB"]);
  assert.deepEqual([12.4, 1234].map(formatTime), ["12 ms", "1.23 s"]);
  assert.deepEqual([formatCount(1, "view"), formatCount(10500, "view")], ["1 view", "10,500 views"]);
});
