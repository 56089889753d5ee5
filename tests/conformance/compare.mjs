// Compares the report of a reader with the case: the bytes, the errors, and the requests that the store saw.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { sha256 } from "../store/index.mjs";

/**
 * @param {object} testCase of list.mjs
 * @param {import("./setup.mjs").Setup} setup
 * @param {object} report of a reader
 * @throws {assert.AssertionError} if anything differs from the case
 */
export async function compare(testCase, setup, report) {
  const { file = {}, steps, seen = {} } = testCase;
  compareFile(file, report.file);
  assert.equal(report.steps.length, file.error ? 0 : steps.length, `number of steps; ${JSON.stringify(report.file)}`);
  for (const [i, step] of report.steps.entries()) {
    const label = `step ${i + 1}, ${JSON.stringify(steps[i].read ?? steps[i].answer)}`;
    if (steps[i].answer) compareResponse(steps[i].gives, step, setup, label);
    else compareRead(steps[i], step, setup, label);
  }
  await compareRequests(seen, setup);
}

function compareFile({ error, ...expected }, report) {
  compareError(error, report.error, "opening");
  for (const [name, value] of Object.entries(expected)) assert.equal(report[name], value, name);
}

function compareRead({ read, stop, error, prefix, ...captured }, report, setup, label) {
  if (stop !== undefined) return assert.deepEqual(report, { stopped: true }, label);
  compareError(error, report.error, label);
  if (prefix === "any") return undefined;
  if (captured.sha256) return assert.deepEqual([report.length, report.sha256], [captured.length, captured.sha256], label);
  // For a captured file that cannot be read, only the offset of its error is known.
  if (setup.size === undefined) return undefined;
  const start = Math.min(read.start ?? 0, setup.size);
  const end = error ? start + report.length : Math.min(read.end ?? Infinity, setup.size);
  if (error?.offset !== undefined) assert.equal(start + report.length, error.offset, `${label}: bytes before the error`);
  return assert.deepEqual([report.length, report.sha256], [end - start, sha256(setup.right(start, end))], label);
}

function compareError(expected, report, label) {
  if (!expected) return assert.equal(report, undefined, `${label}: ${JSON.stringify(report)}`);
  assert.ok(report, `${label}: no error was reported`);
  const { code, offset = report.offset, retryable = report.retryable } = expected;
  assert.deepEqual([report.code, report.offset, report.retryable], [code, offset, retryable], `${label}: ${report.message}`);
  return undefined;
}

function compareResponse({ status, headers = {}, bytes, length, problem, broken }, report, setup, label) {
  assert.equal(report.status, status, `status of ${label}: ${JSON.stringify(report.problem)}`);
  for (const [name, value] of Object.entries(headers)) assert.equal(report.headers[name] ?? null, value, `${name} of ${label}`);
  for (const [name, value] of Object.entries(problem ?? {})) assert.equal(report.problem?.[name], value, `${name} of the problem of ${label}`);
  assert.equal(report.broken ?? false, broken ?? false, `whether the body of ${label} breaks`);
  if (bytes) assert.deepEqual([report.length, report.sha256], [bytes[1] - bytes[0], sha256(setup.right(...bytes))], `body of ${label}`);
  if (length !== undefined) assert.equal(report.length, length, `length of the body of ${label}`);
}

async function compareRequests({ requests, ranges, parallel, most, idle, entries }, setup) {
  const list = setup.chunkRequests;
  if (requests !== undefined) assert.equal(list.length, requests, "requests for chunks");
  if (ranges) assert.deepEqual(list.map(({ range }) => range).sort(), [...ranges].sort(), "requested ranges");
  if (most !== undefined) assert.ok(list.length <= most, `${list.length} requests for chunks`);
  if (entries !== undefined) assert.equal(setup.entryRequests.length, entries, "requests for entries");
  if (parallel !== undefined) assert.equal(setup.store.peakInFlight, parallel, "concurrent requests");
  if (idle) await becomesIdle(setup.store);
}

// Chromium may read a cancelled response for up to five seconds before it closes the connection.
async function becomesIdle(store) {
  const end = Date.now() + 10_000;
  while (store.inFlight > 0 && Date.now() < end) await sleep(10);
  assert.equal(store.inFlight, 0, "requests in flight after the stream was cancelled");
}
