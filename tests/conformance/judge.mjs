// Judges what a reader told of a case: against the right bytes, and against what the store saw.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { sha256 } from "../store/index.mjs";

/** Throws unless all of it is as the case says. @param {object} about a case @param {import("./stage.mjs").Stage} stage @param {object} told an account */
export async function judge(about, stage, told) {
  const { file = {}, steps, seen = {} } = about;
  judgeFile(file, told.file);
  assert.equal(told.steps.length, file.error ? 0 : steps.length, `steps that were made; ${JSON.stringify(told.file)}`);
  for (const [i, step] of told.steps.entries()) {
    const said = `step ${i + 1}, ${JSON.stringify(steps[i].read ?? steps[i].answer)}`;
    if (steps[i].answer) judgeAnswer(steps[i].gives, step, stage, said);
    else judgeRead(steps[i], step, stage, said);
  }
  await judgeRequests(seen, stage);
}

function judgeFile({ error, ...expected }, told) {
  judgeError(error, told.error, "opening");
  for (const [name, value] of Object.entries(expected)) assert.equal(told[name], value, name);
}

function judgeRead({ read, stop, error, prefix, ...captured }, told, stage, said) {
  if (stop !== undefined) return assert.deepEqual(told, { stopped: true }, said);
  judgeError(error, told.error, said);
  if (prefix === "any") return undefined;
  if (captured.sha256) return assert.deepEqual([told.length, told.sha256], [captured.length, captured.sha256], said);
  // Of a captured file that cannot be read it is only known how far it goes.
  if (stage.size === undefined) return undefined;
  const start = Math.min(read.start ?? 0, stage.size);
  const end = error ? start + told.length : Math.min(read.end ?? Infinity, stage.size);
  if (error?.offset !== undefined) assert.equal(start + told.length, error.offset, `${said}: bytes before the error`);
  return assert.deepEqual([told.length, told.sha256], [end - start, sha256(stage.right(start, end))], said);
}

function judgeError(expected, told, said) {
  if (!expected) return assert.equal(told, undefined, `${said}: ${JSON.stringify(told)}`);
  assert.ok(told, `${said}: there is no error`);
  const { code, offset = told.offset, retryable = told.retryable } = expected;
  assert.deepEqual([told.code, told.offset, told.retryable], [code, offset, retryable], `${said}: ${told.message}`);
  return undefined;
}

function judgeAnswer({ status, headers = {}, bytes, length, problem, broken }, told, stage, said) {
  assert.equal(told.status, status, `status of ${said}: ${JSON.stringify(told.problem)}`);
  for (const [name, value] of Object.entries(headers)) assert.equal(told.headers[name] ?? null, value, `${name} of ${said}`);
  for (const [name, value] of Object.entries(problem ?? {})) assert.equal(told.problem?.[name], value, `${name} of the problem of ${said}`);
  assert.equal(told.broken ?? false, broken ?? false, `whether the body of ${said} breaks`);
  if (bytes) assert.deepEqual([told.length, told.sha256], [bytes[1] - bytes[0], sha256(stage.right(...bytes))], `body of ${said}`);
  if (length !== undefined) assert.equal(told.length, length, `length of the body of ${said}`);
}

async function judgeRequests({ requests, ranges, parallel, most, idle, entries }, stage) {
  const list = stage.chunkRequests;
  if (requests !== undefined) assert.equal(list.length, requests, "requests for chunks");
  if (ranges) assert.deepEqual(list.map(({ range }) => range).sort(), [...ranges].sort(), "ranges that were asked for");
  if (most !== undefined) assert.ok(list.length <= most, `${list.length} requests for chunks`);
  if (entries !== undefined) assert.equal(stage.entryRequests.length, entries, "requests for entries");
  if (parallel !== undefined) assert.equal(stage.store.peakInFlight, parallel, "requests at a time");
  if (idle) await becomesIdle(stage.store);
}

// Chromium reads on for up to five seconds before it closes the connection of a response that was cancelled.
async function becomesIdle(store) {
  const end = Date.now() + 10_000;
  while (store.inFlight > 0 && Date.now() < end) await sleep(10);
  assert.equal(store.inFlight, 0, "requests under way after the stream was cancelled");
}
