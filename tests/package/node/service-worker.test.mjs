// The handler of `kelp-stream/service-worker`: it needs nothing of a service worker but the classes of fetch.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { startStore } from "../../store/index.mjs";
import { consumer, importPackage } from "../support.mjs";

const TIME = { timeout: 30_000 };
const SITE = "https://site.example";

let kelp, createHandler, store, film;
before(async () => {
  kelp = await importPackage();
  const { resolve } = createRequire(join(consumer, "index.js"));
  ({ createHandler } = await import(pathToFileURL(resolve("kelp-stream/service-worker"))));
  store = await startStore({ cluster: "cipher" });
  film = store.cases.find(({ name }) => name === "film");
});
after(() => store?.close());
beforeEach(() => {
  store.latency = 0;
  store.resetLog();
});

const request = (path, init) => new Request(`${SITE}${path}`, init);
const part = (path, range) => request(path, { headers: { range } });

/** A handler of the store's files below /kelp/, and the paths that it opened. */
function handlerOf(options = {}, fileOptions = {}) {
  const opened = [];
  const open = (path) => {
    opened.push(path);
    return kelp.openFiler(store.filer + path, { pool: new kelp.Pool(), ...fileOptions });
  };
  return { opened, handler: createHandler({ prefix: "/kelp/", open, ...options }) };
}

/** A handler of files that are made of nothing but a text; `files` are those that it opened. */
function handlerOfTexts({ respond = () => new Response("text"), ...options } = {}) {
  const files = [];
  const open = (path) => {
    const file = { path, isClosed: false, response: async (...args) => respond(...args), close() { this.isClosed = true; } };
    files.push(file);
    return file;
  };
  return { files, handler: createHandler({ prefix: "/", open, ...options }) };
}

const textOf = async (handler, path, init) => (await handler.fetch(request(path, init))).text();

test("only what is below the prefix is handled", () => {
  const { handler } = handlerOfTexts({ prefix: "/kelp/" });
  const handled = ["/kelp/", "/kelp/a", "/kelp/a/../b", "/kelp", "/other", "/kelp/../a", "/kelp/%2e%2e/a"].filter((path) => handler.handles(request(path)));
  assert.deepEqual(handled, ["/kelp/", "/kelp/a", "/kelp/a/../b"]);
});

test("wrong options of a handler are refused", () => {
  const open = () => {};
  for (const prefix of [undefined, 1]) assert.throws(() => createHandler({ prefix, open }), TypeError);
  for (const prefix of ["", "kelp/", "/kelp", "/a/../", "/a?/", "/ä/"]) assert.throws(() => createHandler({ prefix, open }), RangeError, prefix);
  for (const wrong of [undefined, {}]) assert.throws(() => createHandler({ prefix: "/", open: wrong }), TypeError);
  assert.throws(() => createHandler({ prefix: "/", open, maxOpen: -1 }), RangeError);
});

test("ranges, conditions and HEAD of an encrypted film", TIME, async () => {
  const { handler, opened } = handlerOf();
  const path = `/kelp${film.path}`;
  const last = await handler.fetch(part(path, "bytes=-1"));
  assert.deepEqual([last.status, last.headers.get("content-range"), (await last.arrayBuffer()).byteLength], [206, `bytes ${film.size - 1}-${film.size - 1}/${film.size}`, 1]);
  const head = await handler.fetch(request(path, { method: "HEAD" }));
  assert.deepEqual([head.status, head.headers.get("content-length"), head.body], [200, String(film.size), null]);
  const same = await handler.fetch(request(path, { headers: { "if-none-match": head.headers.get("etag") } }));
  assert.equal(same.status, 304);
  const beyond = await handler.fetch(part(path, `bytes=${film.size}-`));
  assert.equal(beyond.status, 416);
  const whole = await handler.fetch(request(path));
  const digest = Buffer.from(await crypto.subtle.digest("SHA-256", await whole.arrayBuffer())).toString("hex");
  assert.equal(digest, film.sha256);
  assert.deepEqual(opened, [film.path]);
});

test("other methods are refused before anything is opened", async () => {
  const { handler, files } = handlerOfTexts();
  const response = await handler.fetch(request("/a", { method: "POST" }));
  assert.deepEqual([response.status, response.headers.get("allow"), files.length], [405, "GET, HEAD", 0]);
});

test("?download asks for an attachment of the same file", async () => {
  const asked = [];
  const { handler, files } = handlerOfTexts({ respond: (_, options) => (asked.push(options), new Response("text")) });
  for (const query of ["", "?download", "?download=x%20y.txt", "?v=2"]) await textOf(handler, `/a${query}`);
  assert.deepEqual(asked.map((options) => options && { ...options }), [undefined, { disposition: "attachment", name: undefined }, { disposition: "attachment", name: "x y.txt" }, undefined]);
  assert.deepEqual(files.map(({ path }) => path), ["/a", "/a"], "?v=2 is another file");
});

test("maxOpen files stay open, those used last", async () => {
  const { handler, files } = handlerOfTexts({ maxOpen: 2 });
  for (const path of ["/a", "/b", "/a", "/c"]) await textOf(handler, path);
  await Promise.resolve();
  assert.deepEqual(files.map(({ path, isClosed }) => [path, isClosed]), [["/a", false], ["/b", true], ["/c", false]]);
});

test("a file is not closed while it is being read", async () => {
  const { handler, files } = handlerOfTexts({ maxOpen: 0 });
  const reading = await handler.fetch(request("/a"));
  await textOf(handler, "/b");
  await new Promise((turn) => setTimeout(turn));
  assert.deepEqual(files.map(({ isClosed }) => isClosed), [false, true]);
  await reading.text();
  await new Promise((turn) => setTimeout(turn));
  assert.equal(files[0].isClosed, true);
});

test("a file that was not used for a minute is opened anew", async (t) => {
  const { handler, files } = handlerOfTexts();
  t.mock.timers.enable({ apis: ["Date"], now: 0 });
  await textOf(handler, "/a");
  t.mock.timers.setTime(60_000);
  await textOf(handler, "/a");
  t.mock.timers.setTime(120_001);
  await textOf(handler, "/a");
  assert.deepEqual(files.map(({ isClosed }) => isClosed), [true, false]);
});

test("what open throws is the response, and is not kept", TIME, async (t) => {
  const { handler, opened } = handlerOf();
  const missing = await handler.fetch(request("/kelp/none"));
  assert.deepEqual([missing.status, (await missing.json()).code], [404, "not_found"]);
  await (await handler.fetch(request("/kelp/none"))).text();
  assert.equal(opened.length, 2);

  const logged = t.mock.method(console, "error", () => {});
  const broken = createHandler({ prefix: "/", open: () => { throw new Error("secret"); } });
  const response = await broken.fetch(request("/a"));
  const body = await response.text();
  assert.deepEqual([response.status, JSON.parse(body).code, body.includes("secret"), logged.mock.callCount()], [502, "internal", false, 1]);
});

test("a file that was closed meanwhile is opened anew", TIME, async () => {
  const files = [];
  const open = async (path) => {
    files.push(await kelp.openFiler(store.filer + path));
    return files.at(-1);
  };
  const handler = createHandler({ prefix: "/", open });
  await (await handler.fetch(part(film.path, "bytes=0-9"))).arrayBuffer();
  files[0].close();
  const response = await handler.fetch(part(film.path, "bytes=0-9"));
  assert.deepEqual([response.status, (await response.arrayBuffer()).byteLength, files.length], [206, 10, 2]);
});

test("a body that fails makes the next request open the file", TIME, async () => {
  let fail;
  const { handler, files } = handlerOfTexts({ respond: () => new Response(new ReadableStream({ start: (controller) => { fail = () => controller.error(new Error("cut")); } })) });
  const response = await handler.fetch(request("/a"));
  fail();
  await assert.rejects(response.text(), /cut/);
  await handler.fetch(request("/a"));
  assert.equal(files.length, 2);
});

test("a cancelled body and an aborted request end all requests", TIME, async () => {
  const { handler } = handlerOf();
  const leave = new AbortController();
  for (const go of [(body) => body.cancel(), () => leave.abort()]) {
    const response = await handler.fetch(request(`/kelp${film.path}`, { signal: leave.signal }));
    const reader = response.body.getReader();
    await reader.read();
    store.latency = 60_000;
    reader.releaseLock();
    const rest = response.body;
    await go(rest);
    const end = Date.now() + 300;
    while (store.inFlight > 0 && Date.now() < end) await new Promise((turn) => setTimeout(turn, 5));
    assert.equal(store.inFlight, 0);
    store.latency = 0;
  }
});

test("files stored with gzip reach the page unpacked", async () => {
  const text = "unpacked ".repeat(1000);
  const respond = (asked) => {
    const isPart = asked.headers.has("range");
    const body = asked.method === "HEAD" ? null : gzipSync(text).subarray(0, isPart ? 10 : undefined);
    if (isPart && asked.headers.get("range") === "bytes=5000-") return new Response(null, { status: 416, headers: { "content-range": "bytes */100" } });
    return new Response(body, { status: isPart ? 206 : 200, headers: { "content-encoding": "gzip", "content-length": "100", "accept-ranges": "bytes", etag: '"1"' } });
  };
  const { handler } = handlerOfTexts({ respond });
  for (const headers of [{}, { range: "bytes=0-9" }, { range: "bytes=5000-" }]) {
    const response = await handler.fetch(request("/a", { headers }));
    const { status } = response;
    const kept = ["content-encoding", "content-length", "accept-ranges", "content-range", "etag"].map((name) => response.headers.get(name));
    assert.deepEqual([status, ...kept], [200, null, null, null, null, 'W/"1"']);
    assert.equal(await response.text(), text);
  }
  const head = await handler.fetch(request("/a", { method: "HEAD" }));
  assert.deepEqual([head.body, head.headers.get("content-encoding")], [null, null]);
});

test("an encoding that cannot be removed is a problem", async () => {
  const { handler } = handlerOfTexts({ respond: () => new Response("?", { headers: { "content-encoding": "br" } }) });
  const response = await handler.fetch(request("/a"));
  assert.deepEqual([response.status, (await response.json()).code], [502, "unsupported"]);
});

test("respond answers its events and holds the worker meanwhile", async () => {
  const { handler } = handlerOfTexts({ prefix: "/kelp/" });
  const event = (path) => {
    const it = { request: request(path), clientId: "1", respondWith: (response) => (it.response = response), waitUntil: (work) => (it.work = work) };
    return it;
  };
  assert.equal(handler.respond(event("/other")), false);
  const mine = event("/kelp/a");
  assert.equal(handler.respond(mine), true);
  const response = await mine.response;
  let isOver = false;
  void mine.work.then(() => (isOver = true));
  await new Promise((turn) => setTimeout(turn));
  assert.equal(isOver, false);
  await response.text();
  await mine.work;
});

test("a closed handler handles nothing", async () => {
  const { handler, files } = handlerOfTexts();
  await textOf(handler, "/a");
  handler.close();
  await new Promise((turn) => setTimeout(turn));
  assert.deepEqual([handler.handles(request("/a")), files[0].isClosed], [false, true]);
  await assert.rejects(handler.fetch(request("/a")), TypeError);
});
