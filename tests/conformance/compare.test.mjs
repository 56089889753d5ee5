// The comparison: a right report passes, and a report with any single error fails.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../store/index.mjs";
import { compare } from "./compare.mjs";
import { cases } from "./list.mjs";

const bytes = Buffer.from("0123456789");
const hash = (...range) => sha256(bytes.subarray(...range));
const setupOf = (requests = []) => ({
  size: bytes.length, right: (start, end) => bytes.subarray(start, end), chunkRequests: requests, entryRequests: [{}], store: { peakInFlight: 2, inFlight: 0 },
});

/** A case, a right report of it, and wrong ones. */
const COMPARED = {
  "a read": [
    { file: { size: 10 }, steps: [{ read: { start: 2, end: 99 } }] },
    { file: { size: 10 }, steps: [{ length: 8, sha256: hash(2) }] },
    [
      { file: { size: 11 }, steps: [{ length: 8, sha256: hash(2) }] }, { file: { size: 10 }, steps: [{ length: 7, sha256: hash(2) }] },
      { file: { size: 10 }, steps: [{ length: 8, sha256: hash(1) }] }, { file: { size: 10 }, steps: [] },
      { file: { size: 10 }, steps: [{ length: 8, sha256: hash(2), error: { code: "network" } }] }, { file: { error: { code: "network" } }, steps: [] },
    ],
  ],
  "a captured read": [
    { steps: [{ read: {}, length: 10, sha256: hash() }] }, { file: {}, steps: [{ length: 10, sha256: hash() }] },
    [{ file: {}, steps: [{ length: 10, sha256: hash(1) }] }, { file: {}, steps: [{ length: 9, sha256: hash() }] }],
  ],
  "an error after some bytes": [
    { steps: [{ read: {}, error: { code: "http", offset: 4, retryable: true } }] },
    { file: {}, steps: [{ length: 4, sha256: hash(0, 4), error: { code: "http", offset: 4, retryable: true } }] },
    [
      { file: {}, steps: [{ length: 10, sha256: hash() }] }, { file: {}, steps: [{ length: 4, sha256: hash(0, 4), error: { code: "network", offset: 4, retryable: true } }] },
      { file: {}, steps: [{ length: 3, sha256: hash(0, 3), error: { code: "http", offset: 4, retryable: true } }] },
      { file: {}, steps: [{ length: 4, sha256: hash(1, 5), error: { code: "http", offset: 4, retryable: true } }] },
      { file: {}, steps: [{ length: 4, sha256: hash(0, 4), error: { code: "http", offset: 4, retryable: false } }] },
    ],
  ],
  "a file that cannot be opened": [
    { file: { error: { code: "not_found" } }, steps: [{ read: {} }] }, { file: { error: { code: "not_found" } }, steps: [] },
    [{ file: { error: { code: "http" } }, steps: [] }, { file: {}, steps: [] }],
  ],
  "an answer": [
    { steps: [{ answer: {}, gives: { status: 206, headers: { etag: '"a"', expires: null }, bytes: [1, 3] } }] },
    { file: {}, steps: [{ status: 206, headers: { etag: '"a"' }, length: 2, sha256: hash(1, 3) }] },
    [
      { file: {}, steps: [{ status: 200, headers: { etag: '"a"' }, length: 2, sha256: hash(1, 3) }] }, { file: {}, steps: [{ status: 206, headers: {}, length: 2, sha256: hash(1, 3) }] },
      { file: {}, steps: [{ status: 206, headers: { etag: '"a"', expires: "x" }, length: 2, sha256: hash(1, 3) }] },
      { file: {}, steps: [{ status: 206, headers: { etag: '"a"' }, length: 2, sha256: hash(2, 4) }] }, { file: {}, steps: [{ status: 206, headers: { etag: '"a"' }, broken: true }] },
    ],
  ],
  "a body that breaks": [
    { steps: [{ answer: {}, gives: { status: 200, broken: true } }] }, { file: {}, steps: [{ status: 200, headers: {}, broken: true }] },
    [{ file: {}, steps: [{ status: 200, headers: {}, length: 10, sha256: hash() }] }],
  ],
  "a problem": [
    { steps: [{ answer: {}, gives: { status: 404, problem: { code: "not_found" } } }] }, { file: {}, steps: [{ status: 404, headers: {}, problem: { code: "not_found", status: 404 } }] },
    [{ file: {}, steps: [{ status: 404, headers: {}, problem: { code: "http" } }] }, { file: {}, steps: [{ status: 404, headers: {} }] }],
  ],
};

for (const [what, [testCase, right, wrong]] of Object.entries(COMPARED)) {
  test(`${what}: right passes, wrong does not`, async () => {
    await compare(testCase, setupOf(), right);
    for (const report of wrong) await assert.rejects(compare(testCase, setupOf(), report), undefined, JSON.stringify(report));
  });
}

test("the requests that the store saw are compared", async () => {
  const requests = [{ range: "bytes=0-1" }, { range: null }];
  const report = { file: {}, steps: [] };
  for (const seen of [{ requests: 2 }, { ranges: [null, "bytes=0-1"] }, { most: 2 }, { parallel: 2 }, { entries: 1 }, { idle: true }]) await compare({ steps: [], seen }, setupOf(requests), report);
  for (const seen of [{ requests: 1 }, { ranges: [null, null] }, { most: 1 }, { parallel: 3 }, { entries: 0 }]) {
    await assert.rejects(compare({ steps: [], seen }, setupOf(requests), report), undefined, JSON.stringify(seen));
  }
});

test("each case has a unique name and something to compare", () => {
  const list = cases();
  const names = list.map(({ group, name }) => `${group}: ${name}`);
  assert.equal(new Set(names).size, names.length);
  for (const [i, { steps, file, seen, open }] of list.entries()) assert.ok(open && (steps.length > 0 || file || seen), names[i]);
  assert.ok(list.length > 250, `${list.length} cases`);
});
