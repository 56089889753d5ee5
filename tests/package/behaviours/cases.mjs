// Reads every captured file of a real SeaweedFS, whole and in ranges.
import { equal, fails, ok, sameBytes } from "./assert.mjs";
import { QUICK, readAll, sum } from "./helpers.mjs";

/** Files that cannot be read whole: the code of the error, and the bytes delivered before it. */
const BROKEN = {
  "remote-only": ["http", 0], "missing-chunk": ["not_found", 512], "bad-etag": ["corrupt"], "short-chunk": ["short_body"],
  "missing-manifest": ["not_found", 0], "bad-manifest": ["manifest", 0],
};

const CASES = [
  "one", "small-text", "empty", "auto", "auto-text", "many", "sparse", "overlap", "append", "odd-name", "tail-gap", "truncated",
  "hole-only", "zero-times", "inline", "inline-size-0", "manifest", "nested-manifest", "tie", "close-times",
];

/** Objects of the S3 gateway, some of them encrypted. */
const OBJECTS = ["plain.bin", "encoded.txt", "sse-c.bin", "sse-c-small.bin", "sse-s3.bin"];

const WAYS = {
  "through the filer": () => ({}),
  "from the volume servers": (store) => ({ locate: store.locate }),
};

/** One behaviour per case, so that a failure names the case. */
export const cases = ["plain", "cipher"].flatMap((cluster) => Object.entries(WAYS).flatMap(([way, options]) => [
  ...[...CASES, ...(cluster === "cipher" ? ["film"] : [])].map((name) => ({
    name: `${cluster}: ${name} is read, ${way}`, cluster,
    run: (kelp, store, help) => readsRight(kelp, store, help, name, options(store)),
  })),
  ...Object.keys(BROKEN).map((name) => ({
    name: `${cluster}: ${name} ends in ${BROKEN[name][0]}, ${way}`, cluster,
    run: (kelp, store) => endsInError(kelp, store, name, options(store)),
  })),
]));

for (const [way, options] of Object.entries(WAYS)) {
  cases.push(...OBJECTS.map((name) => ({
    name: `s3: ${name} is read, ${way}`, cluster: "s3",
    run: (kelp, store, help) => readsRight(kelp, store, help, name, { ...options(store), sse: keysOf(caseOf(store, name)) }),
  })));
}
cases.push({
  name: "s3: every captured object is in this list", cluster: "s3",
  run: (kelp, store) => equal(store.cases.map(({ name }) => name).sort().join(), [...OBJECTS].sort().join(), "cases"),
});

for (const cluster of ["plain", "cipher"]) {
  cases.push({ name: `${cluster}: every captured file is in this list`, cluster, run: nothingForgotten });
}

async function readsRight(kelp, store, help, name, options) {
  const { path, size, sha256, ranges } = caseOf(store, name);
  // Requests are counted, so no hedges: a busy machine would cause some.
  const file = await kelp.openFiler(store.urlOf(path), { hedge: false, ...options });
  equal(file.size, size, "size");
  const all = [{ start: 0, end: size, sha256 }, ...ranges];
  // Ten thousand requests take long: one way reads that file whole, the other reads ranges of it.
  const parted = all.length > 10 && size / 512 > 10_000;
  const wanted = all.filter(({ start, end }) => !parted || (options.locate === undefined) === (start === 0 && end === size));
  for (const range of wanted) await readsRange(file, store, help, range);
}

async function readsRange(file, store, help, { start, end, sha256 }) {
  const said = `${start}..${end}`;
  const unread = file.plan({ start, end }).manifests;
  checkPlan(file.plan({ start, end }), start, end);
  const { holeBytes: before, cacheHits } = file.stats;
  await store.resetLog();
  const { bytes, error } = await readAll(file.stream({ start, end }));
  if (error) throw error;
  equal(bytes.length, end - start, `length of ${said}`);
  equal(await help.sha256(bytes), sha256, `sha256 of ${said}`);
  // The plan has the chunks of a chunk manifest after it was read.
  const plan = file.plan({ start, end });
  checkPlan(plan, start, end);
  equal(plan.manifests, 0, `manifests that are still to be read of ${said}`);
  // What an earlier read has left in the pool is not requested again.
  const manifests = (await store.chunkRequests()).length + file.stats.cacheHits - cacheHits - plan.requests;
  // Chunk manifests may be nested.
  ok(unread > 0 ? manifests >= unread : manifests === 0, `${manifests} requests for manifests of ${said}, ${unread} planned`);
  equal(file.stats.holeBytes - before, plan.gapBytes, `bytes of holes in ${said} and those planned`);
}

function checkPlan(plan, start, end) {
  const said = `plan ${JSON.stringify(plan)}`;
  equal(plan.start, start, `start of ${said}`);
  equal(plan.end, end, `end of ${said}`);
  ok(plan.manifests <= plan.requests, `manifests of ${said}`);
  ok(plan.gapBytes <= end - start && (plan.gaps > 0) === (plan.gapBytes > 0), `gaps of ${said}`);
  ok(plan.chunks <= plan.views && plan.requests <= plan.views, `views of ${said}`);
  ok(plan.peakBytes >= 0 && (plan.requests === 0 || plan.peakBytes > 0), `peak of ${said}`);
}

async function endsInError(kelp, store, name, options) {
  const [code, delivered] = BROKEN[name];
  const file = await kelp.openFiler(store.urlOf(caseOf(store, name).path), { ...QUICK, ...options });
  const { bytes, error } = await readAll(file.stream());
  await fails(kelp, code, Promise.reject(error), name);
  if (delivered !== undefined) {
    equal(bytes.length, delivered, "bytes before the error");
    const whole = new Uint8Array(delivered);
    whole.set(await file.bytes({ end: delivered }));
    sameBytes(bytes, whole, "bytes before the error");
  }
  equal(error.offset, bytes.length, "offset");
  ok(error.attempts.length > 0, "attempts are listed");
  equal(file.stats.bytesDelivered, bytes.length + (delivered ?? 0), "bytes delivered");
}

function nothingForgotten(kelp, store) {
  const known = new Set([...CASES, ...Object.keys(BROKEN), "film"]);
  const forgotten = store.cases.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  equal(forgotten.join(), "", "cases that no behaviour reads");
  ok(sum(store.cases.map(({ ranges = [] }) => ranges), "length") > 100, "the cases have their ranges");
}

/** The keys of a captured object as users have them: base64, or hexadecimal digits. */
export function keysOf({ key }) {
  return { customerKey: key?.sseC, kek: key?.sseS3Kek };
}

export function caseOf(store, name) {
  const found = store.cases.find((each) => each.name === name);
  ok(found, `there is no case ${name}`);
  return found;
}
