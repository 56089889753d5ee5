// `kelp-stream/save` outside of a page: into a stream, or into something that acts as a handle of a file.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import { startStore } from "../../store/index.mjs";
import { consumer, importPackage } from "../support.mjs";

const TIME = { timeout: 30_000 };

let kelp, save, store, film;
before(async () => {
  kelp = await importPackage();
  const { resolve } = createRequire(join(consumer, "index.js"));
  ({ save } = await import(pathToFileURL(resolve("kelp-stream/save"))));
  store = await startStore({ cluster: "cipher" });
  film = store.cases.find(({ name }) => name === "film");
});
after(() => store?.close());
beforeEach(() => (store.latency = 0));

// A pool of its own: that of the module keeps what an earlier test has read.
const open = (path = film.path) => kelp.openFiler(store.filer + path, { retry: { passes: 1 }, pool: new kelp.Pool() });

/** A stream that collects, and the handle of a file that holds `before`. */
function target({ before = 0 } = {}) {
  const seen = { pieces: [], isClosed: false, isAborted: false, isRemoved: false };
  const stream = () => new WritableStream({
    write: (piece) => void seen.pieces.push(piece),
    close: () => void (seen.isClosed = true),
    abort: () => void (seen.isAborted = true),
  });
  const handle = { createWritable: async () => stream(), getFile: async () => ({ size: before }), remove: async () => void (seen.isRemoved = true) };
  return { seen, stream: stream(), handle };
}

const digestOf = async (pieces) => Buffer.from(await crypto.subtle.digest("SHA-256", await new Blob(pieces).arrayBuffer())).toString("hex");

test("a file is written into a stream, with progress", TIME, async () => {
  const { seen, stream } = target();
  const reports = [];
  const saved = await save(await open(), { to: stream, onProgress: (report) => reports.push(report) });
  assert.deepEqual(saved, { how: "stream", name: "film.webm", bytes: film.size, resumedAt: 0 });
  assert.deepEqual([await digestOf(seen.pieces), seen.isClosed], [film.sha256, true]);
  assert.deepEqual([reports.at(-1).delivered, reports.at(-1).total], [film.size, film.size]);
  assert.ok(reports.at(-1).received >= film.size);
});

test("a listener that throws does not end a save", TIME, async (t) => {
  const logged = t.mock.method(console, "error", () => {});
  const { seen, stream } = target();
  await save(await open(), { to: stream, onProgress() { throw new Error("mine"); } });
  assert.deepEqual([await digestOf(seen.pieces), logged.mock.callCount() > 0], [film.sha256, true]);
});

test("a handle of a file is written", TIME, async () => {
  const { seen, handle } = target();
  assert.equal((await save(await open(), { to: handle, name: "a/b.webm" })).name, "a_b.webm");
  assert.deepEqual([await digestOf(seen.pieces), seen.isClosed, seen.isRemoved], [film.sha256, true, false]);
});

test("what fails leaves no file that looks whole", TIME, async () => {
  const { path } = store.cases.find(({ name }) => name === "missing-chunk");
  for (const [before, isRemoved] of [[0, true], [5, false]]) {
    const { seen, handle } = target({ before });
    await assert.rejects(save(await open(path), { to: handle }), { code: "not_found" });
    assert.deepEqual([seen.isClosed, seen.isAborted, seen.isRemoved], [false, true, isRemoved]);
  }
});

test("aborting a save ends all requests", TIME, async () => {
  const { seen, stream } = target();
  const leave = new AbortController();
  const file = await open();
  store.latency = 60_000;
  const saving = save(file, { to: stream, signal: leave.signal });
  while (store.inFlight === 0) await new Promise((turn) => setTimeout(turn, 5));
  const reason = new Error("enough");
  leave.abort(reason);
  await assert.rejects(saving, reason);
  for (const end = Date.now() + 1000; store.inFlight > 0 && Date.now() < end;) await new Promise((turn) => setTimeout(turn, 5));
  assert.deepEqual([store.inFlight, seen.isClosed], [0, false]);
  await assert.rejects(save(file, { to: stream, signal: leave.signal }), reason);
});

test("wrong options of save are refused", TIME, async () => {
  const file = await open();
  for (const wrong of [{ to: {} }, { name: 1 }, { signal: {} }, { resume: 1 }, { onProgress: 1 }, { how: 1 }, { how: "service-worker", to: undefined }]) {
    await assert.rejects(save(file, wrong), TypeError, JSON.stringify(wrong));
  }
  await assert.rejects(save(file, { how: "magic" }), RangeError);
  await assert.rejects(save(file), { code: "unsupported" });
});

test("names become such that every system allows", TIME, async () => {
  const file = await open();
  const named = async (name) => (await save(file, { to: target().stream, name })).name;
  const names = {
    "a/b\\c:d*e?f\"g<h>i|j.txt": "a_b_c_d_e_f_g_h_i_j.txt",
    "..": "download",
    "": "download",
    ".hidden": "hidden",
    "con.txt": "con_.txt",
    "COM1": "COM1_",
    "console.txt": "console.txt",
    "a\u202egpj.exe": "agpj.exe",
    "a\u0000b\u0085": "a_b_",
    "trailing. ": "trailing",
    "späce & 100% #1 日本語.bin": "späce & 100% #1 日本語.bin",
  };
  for (const [name, right] of Object.entries(names)) assert.equal(await named(name), right);
  const long = await named(`${"日".repeat(300)}.webm`);
  assert.deepEqual([long.endsWith("日.webm"), Buffer.byteLength(long)], [true, 200]);
});
