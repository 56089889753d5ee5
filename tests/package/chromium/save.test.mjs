// `kelp-stream/save` in a page: downloads, the site's private file system, and parts that are gone on with.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { noise, startStore } from "../../store/index.mjs";
import { closeAll, launchChromium, servePackage } from "../support.mjs";

const TIME = { timeout: 120_000 };
const PATH = "/s/large.bin";
const SIZE = 24 * 2 ** 20;

const WORKER = `
  import { openFiler } from "/kelp-stream/index.js";
  import { createHandler } from "/kelp-stream/service-worker.js";
  const filer = new URL(location).searchParams.get("filer");
  const handler = createHandler({ prefix: "/kelp/", open: (path) => openFiler(filer + path) });
  addEventListener("install", () => skipWaiting());
  addEventListener("fetch", (event) => handler.respond(event));
`;

let browser, store, file, context, page, origin;
before(async () => {
  browser = await launchChromium();
});
after(closeAll);
beforeEach(async () => {
  store = await startStore({ cluster: null });
  file = store.addFile({ path: PATH, bytes: noise("large", SIZE), chunkSize: 2 ** 20, cipher: true });
  origin = await servePackage({ routes: { "/sw.js": { type: "text/javascript", body: WORKER } } });
  context = await browser.newContext();
  page = await newPage();
});
afterEach(async () => {
  await context.close();
  await store.close();
});

async function newPage() {
  const opened = await context.newPage();
  opened.setDefaultTimeout(30_000);
  await opened.goto(origin);
  return opened;
}

/** Saves the file in the page; resolves to what save() resolves to, or `{ error, size }` with the code or name of the error. */
const save = (options = {}, on = page) => on.evaluate(async ({ url, filer, options }) => {
  const { openFiler } = await import("/kelp-stream/index.js");
  const { save } = await import("/kelp-stream/save.js");
  if (options.serviceWorker) {
    const { register } = await import("/kelp-stream/service-worker.js");
    await register(`/sw.js?filer=${encodeURIComponent(filer)}`);
  }
  delete globalThis.showSaveFilePicker;
  const opened = await openFiler(url, { retry: { passes: 1 } });
  globalThis.leave = new AbortController();
  globalThis.written = 0;
  return save(opened, { signal: leave.signal, onProgress: ({ delivered }) => { written = delivered; }, ...options }).catch(({ code, name }) => ({ error: code && typeof code === "string" ? code : name }));
}, { url: store.filer + PATH, filer: store.filer, options });

const downloaded = async (saving, on = page) => {
  const [download, saved] = await Promise.all([on.waitForEvent("download"), saving]);
  const hash = createHash("sha256");
  for await (const piece of createReadStream(await download.path())) hash.update(piece);
  return { saved, name: download.suggestedFilename(), sha256: hash.digest("hex") };
};

const parts = (on = page) => on.evaluate(async () => {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("kelp-stream parts", { create: true });
  const names = [];
  for await (const name of folder.keys()) names.push(name.endsWith(".json") ? "record" : "part");
  return names.sort();
});

const untilWritten = (bytes, on = page) => on.waitForFunction((least) => globalThis.written >= least, bytes);

for (const how of ["opfs", "blob"]) {
  test(`a download by ${how} is whole`, TIME, async () => {
    const { saved, name, sha256 } = await downloaded(save({ how, name: "my file.bin" }));
    assert.deepEqual(saved, { how, name: "my file.bin", bytes: SIZE, resumedAt: 0 });
    assert.deepEqual([name, sha256], ["my file.bin", file.sha256]);
  });
}

test("a download goes through the site's service worker", TIME, async () => {
  const uncaught = [];
  page.on("pageerror", ({ message }) => uncaught.push(message));
  const { saved, name, sha256 } = await downloaded(save({ serviceWorker: { url: `/kelp${PATH}` }, name: "my file.bin" }));
  assert.deepEqual(saved, { how: "service-worker", name: "my file.bin", bytes: SIZE, resumedAt: 0 });
  assert.deepEqual([name, sha256], ["my file.bin", file.sha256]);
  // A signal outlives what it was given to.
  await page.evaluate(() => leave.abort());
  await page.evaluate(() => new Promise((turn) => setTimeout(turn, 50)));
  assert.deepEqual(uncaught, []);
});

test("stopping a download of the worker fails it", TIME, async () => {
  store.link = 4 * 2 ** 20;
  const arriving = page.waitForEvent("download");
  const saving = save({ serviceWorker: { url: `/kelp${PATH}` } });
  const download = await arriving;
  await untilWritten(1);
  await page.evaluate(() => leave.abort());
  assert.deepEqual(await saving, { error: "AbortError" });
  assert.notEqual(await download.failure(), null);
  for (const end = Date.now() + 1000; store.inFlight > 0 && Date.now() < end;) await new Promise((turn) => setTimeout(turn, 5));
  assert.equal(store.inFlight, 0);
});

test("the private file system is the way without a dialog", TIME, async () => {
  assert.equal((await downloaded(save())).saved.how, "opfs");
});

test("a failed save leaves no part", TIME, async () => {
  store.fault({ fileId: file.fileIds[20] }, { status: 404 });
  assert.deepEqual(await save({ how: "opfs" }), { error: "not_found" });
  assert.deepEqual(await parts(), []);
});

test("a save that failed is resumed", TIME, async () => {
  const fault = store.fault({ fileId: file.fileIds[20] }, { status: 404 });
  assert.deepEqual(await save({ resume: true }), { error: "not_found" });
  assert.deepEqual(await parts(), ["part", "record"]);
  fault.remove();
  store.resetLog();
  const { saved, sha256 } = await downloaded(save({ resume: true }));
  assert.deepEqual([saved.how, saved.bytes, saved.resumedAt, sha256], ["opfs", SIZE, 20 * 2 ** 20, file.sha256]);
  assert.equal(store.requests.filter(({ url }) => url.includes("metadata=true")).length, 1);
  assert.ok(store.bytesSent < 21 * 2 ** 20, `${store.bytesSent} bytes were fetched again`);
});

test("a page that was closed ten times ends with the right file", { timeout: 180_000 }, async () => {
  store.link = 12 * 2 ** 20;
  for (let least = 1; least <= 10; least++) {
    void save({ resume: true }).catch(() => {});
    await untilWritten(least * 2 * 2 ** 20);
    await page.close();
    page = await newPage();
  }
  store.link = 0;
  const { saved, sha256 } = await downloaded(save({ resume: true }));
  assert.ok(saved.resumedAt >= 16 * 2 ** 20, `resumed at ${saved.resumedAt}`);
  assert.equal(sha256, file.sha256);
});

test("a file that has changed meanwhile is not appended to", TIME, async () => {
  store.fault({ fileId: file.fileIds[20] }, { status: 404 });
  assert.deepEqual(await save({ resume: true }), { error: "not_found" });
  const changed = store.addFile({ path: PATH, bytes: noise("changed", SIZE), chunkSize: 2 ** 20, cipher: true });
  assert.deepEqual(await save({ resume: true }), { error: "source_changed" });
  assert.deepEqual(await parts(), []);
  assert.equal((await downloaded(save({ resume: true }))).sha256, changed.sha256);
});

test("a part with a torn end begins anew", TIME, async () => {
  const fault = store.fault({ fileId: file.fileIds[20] }, { status: 404 });
  await save({ resume: true });
  fault.remove();
  await page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("kelp-stream parts");
    for await (const [name, handle] of folder.entries()) {
      if (name.endsWith(".json")) continue;
      const writable = await handle.createWritable({ keepExistingData: true });
      await writable.write({ type: "write", position: (await handle.getFile()).size - 10, data: "torn" });
      await writable.close();
    }
  });
  const { saved, sha256 } = await downloaded(save({ resume: true }));
  assert.deepEqual([saved.resumedAt, sha256], [0, file.sha256]);
});

// Chromium reports more room than there is.
test("a full disk is a limit and leaves no part", TIME, async () => {
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 10 * 2 ** 20 });
  assert.deepEqual(await save({ how: "opfs" }), { error: "limit" });
  assert.deepEqual(await parts(), []);
});

test("a file without room is refused before it is fetched", TIME, async () => {
  await page.evaluate(() => { navigator.storage.estimate = async () => ({ quota: 10 * 2 ** 20, usage: 0 }); });
  assert.deepEqual(await save({ how: "opfs" }), { error: "limit" });
  assert.equal((await downloaded(save())).saved.how, "blob");
});
