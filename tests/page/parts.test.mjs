// The modules of the page that need no browser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../scripts/command.mjs";
import { describeCharts, describeLimits, describeRow } from "../../www/describe.js";
import { explain } from "../../www/errors.js";
import { formatBytes, formatCount, formatTime } from "../../www/format.js";
import { carrierOf, stateOf, TICK, Timeline } from "../../www/timeline.js";
import { describeLimit } from "../../www/waits.js";

const view = (events) => {
  const timeline = new Timeline(1, () => 100);
  for (const [at, kind, more] of events) timeline.add({ at, kind, index: 0, ...more });
  return timeline;
};
const REQUEST = [[0, "queue"], [1, "request", { host: "a:1", bytes: 10 }]];
const ARRIVED = [...REQUEST, [5, "headers", { host: "a:1", status: 200 }], [6, "first-byte", { host: "a:1" }], [6, "body", { host: "a:1", bytes: 10 }]];

test("a view is queued, waits, arrives, is held and delivered", () => {
  const states = ["queued", "waiting", "waiting", "arriving", "held"].map((state, index) => [state, stateOf(view(ARRIVED.slice(0, index + 1)).rows[0])]);
  for (const [expected, actual] of states) assert.equal(actual, expected);
  assert.equal(stateOf(view([...ARRIVED, [9, "delivered", { bytes: 10 }]]).rows[0]), "delivered");
  assert.equal(stateOf(undefined), "ahead");
});

test("another replica is another attempt, with its own letter", () => {
  const { rows, hosts } = view([...REQUEST, [7, "failover", { host: "a:1", reason: "network" }], [7, "request", { host: "b:2", bytes: 10 }]]);
  assert.deepEqual(rows[0].attempts.map(({ host, failedAt, reason }) => [host, failedAt, reason]), [["a:1", 7, "network"], ["b:2", undefined, undefined]]);
  assert.deepEqual([...hosts.values()].map(({ letter, requests }) => [letter, requests]), [["A", 1], ["B", 1]]);
});

const HEDGED = [...REQUEST, [20, "hedge", { host: "b:2", reason: "timeout" }], [20, "request", { host: "b:2", bytes: 10 }]];

test("a hedge races a late attempt; the first complete one wins", () => {
  const hedgeWon = view([...HEDGED, [22, "headers", { host: "b:2", status: 200 }], [25, "body", { host: "b:2", bytes: 10 }], [26, "decoded"], [30, "delivered", { bytes: 10 }]]);
  const [late, hedge] = hedgeWon.rows[0].attempts;
  assert.deepEqual([late.lostAt, late.firstAt, hedge.isHedge, hedge.headersAt, hedge.received, hedge.lostAt], [26, undefined, true, 22, 10, undefined]);
  assert.equal(carrierOf(hedgeWon.rows[0]), hedge);
  assert.match(describeRow(hedgeWon.rows[0], 0), /^View 0, from b:2: a hedge, faster than a:1, first byte after 5 ms, .*delivered$/);

  const hedgeLost = view([...HEDGED, [24, "headers", { host: "a:1", status: 200 }], [25, "body", { host: "a:1", bytes: 10 }], [26, "decoded"]]);
  assert.deepEqual(hedgeLost.rows[0].attempts.map(({ host, lostAt }) => [host, lostAt]), [["a:1", undefined], ["b:2", 26]]);
  assert.equal(stateOf(hedgeLost.rows[0]), "held");
  assert.deepEqual([hedgeLost.hedges, hedgeLost.hosts.get("b:2").hedges], [[20], [20]]);
});

test("requests in flight are counted, also losers and failures", () => {
  const counts = (events) => view(events).flights.map(({ at, count }) => [at, count]);
  assert.deepEqual(counts([...ARRIVED, [9, "delivered", { bytes: 10 }]]), [[1, 1], [6, 0]]);
  assert.deepEqual(counts([...HEDGED, [25, "body", { host: "b:2", bytes: 10 }], [26, "decoded"]]), [[1, 1], [20, 2], [25, 1], [26, 0]]);
  assert.deepEqual(counts([...REQUEST, [3, "end", { reason: "closed" }]]), [[1, 1], [3, 0]]);
  assert.deepEqual(counts([...REQUEST, [7, "failover", { host: "a:1" }], [8, "request", { host: "b:2", bytes: 10 }]]), [[1, 1], [7, 0], [8, 1]]);
});

test("the bytes of a host are kept by time of arrival", () => {
  const { hosts } = view([...REQUEST, [TICK - 1, "body", { host: "a:1", bytes: 3 }], [TICK, "body", { host: "a:1", bytes: 2 }], [TICK + 1, "body", { host: "a:1", bytes: 4 }]]);
  assert.deepEqual(hosts.get("a:1").ticks, [3, 6]);
});

test("a known host has its letter before its first request", () => {
  const timeline = new Timeline(1, () => 0, { hosts: ["a:1", "b:2"], concurrency: 4 });
  timeline.add({ at: 0, kind: "request", index: 0, host: "c:3" });
  timeline.add({ at: 1, kind: "request", index: 0, host: "b:2" });
  assert.deepEqual([...timeline.hosts].map(([name, { letter }]) => [name, letter]), [["c:3", "C"], ["b:2", "B"]]);
  assert.match(describeCharts(timeline), /^Concurrency 4; at most 2 requests in flight\. C, c:3: 1 request/);
});

test("concurrency is described by lowest, highest and last", () => {
  assert.equal(describeLimits([{ at: 0, limit: 2 }, { at: 1, limit: 9 }, { at: 2, limit: 7 }]), "2 to 9, last 7");
});

test("the limit is what was waited for", () => {
  const limit = (waits) => describeLimit({ network: 0, decode: 0, budget: 0, reader: 0, ...waits }, 1000);
  assert.match(limit({ network: 900 }), /^Limited by the network: /);
  assert.match(limit({ network: 600, budget: 500 }), /budget allows no more/);
  assert.match(limit({ decode: 700, network: 100 }), /^Limited by decoding/);
  assert.match(limit({ reader: 800 }), /^Limited by the reader/);
  assert.match(limit({ network: 10 }), /^Nothing/);
});

test("the time stays at the end", () => {
  const timeline = view([...ARRIVED, [9, "end"]]);
  timeline.stop();
  assert.equal(timeline.now, 9);
});

test("every error code has advice", () => {
  const types = readFileSync(join(root, "js/index.d.ts"), "utf8");
  const codes = /type ErrorCode =([^;]+);/.exec(types)[1].match(/\w+/g);
  assert.ok(codes.length > 10);
  const unexpected = explain(new Error("x")).meaning;
  for (const code of codes) assert.notEqual(explain({ code, message: "x" }).meaning, unexpected, code);
});

test("numbers are formatted for people", () => {
  assert.deepEqual([0, 1023, 1024, 2327031, 2 ** 40].map(formatBytes), ["0 B", "1023 B", "1.00 KiB", "2.22 MiB", "1.00 TiB"]);
  assert.deepEqual([12.4, 1234].map(formatTime), ["12 ms", "1.23 s"]);
  assert.deepEqual([formatCount(1, "view"), formatCount(10500, "view")], ["1 view", "10,500 views"]);
});
