// Files through a service worker of the site: the film of the fixtures, which is encrypted, in elements and as a download.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { createHash } from "node:crypto";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { startStore } from "../../store/index.mjs";
import { closeAll, launchChromium, servePackage } from "../support.mjs";

const TIME = { timeout: 60_000 };

/** The programs of the two kinds of workers. */
const PROGRAMS = {
  module: `
    import { openFiler } from "/kelp-stream/index.js";
    import { createHandler } from "/kelp-stream/service-worker.js";
  `,
  classic: `
    importScripts("/kelp-stream/service-worker.classic.js");
    const { createHandler, openFiler } = kelpStream;
  `,
};
const HANDLER = `
  const filer = new URL(location).searchParams.get("filer");
  const handler = createHandler({ prefix: "/kelp/", open: (path) => openFiler(filer + path) });
  addEventListener("install", () => skipWaiting());
  addEventListener("fetch", (event) => handler.respond(event));
`;
const script = (body) => ({ type: "text/javascript", body });
const routes = Object.fromEntries(Object.entries(PROGRAMS).map(([type, program]) => [`/${type}.js`, script(program + HANDLER)]));

let browser, store, film;
before(async () => {
  browser = await launchChromium();
  store = await startStore({ cluster: "cipher" });
  film = store.cases.find(({ name }) => name === "film");
});
after(async () => {
  await closeAll();
  await store?.close();
});

for (const type of ["module", "classic"]) describe(`a ${type} worker`, () => describeWorker(type));

function describeWorker(type) {
  let context, page, origin, problems;
  beforeEach(async () => {
    // Each test has an origin of its own, and so a worker of its own.
    origin = await servePackage({ routes });
    context = await browser.newContext();
    problems = [];
    page = await newPage();
    store.latency = 0;
    store.rate = 0;
    store.resetLog();
  });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });

  async function newPage() {
    const opened = await context.newPage();
    opened.setDefaultTimeout(30_000);
    opened.on("pageerror", (error) => problems.push(error.message));
    opened.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    await opened.goto(origin);
    return opened;
  }

  /** Registers the worker; `reports` of the page are those that it has sent. */
  const register = (on = page) => on.evaluate(async ({ type, filer }) => {
    const { register } = await import("/kelp-stream/service-worker.js");
    globalThis.reports = [];
    globalThis.registered = await register(`/${type}.js?filer=${encodeURIComponent(filer)}`, { type, onReport: (report) => reports.push(report) });
    return navigator.serviceWorker.controller !== null;
  }, { type, filer: store.filer });

  const read = (path, headers = {}, on = page) => on.evaluate(async ({ path, headers }) => {
    const response = await fetch(path, { headers });
    const body = await response.arrayBuffer();
    const digest = Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", body)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    return { status: response.status, length: body.byteLength, digest, type: response.headers.get("content-type"), nosniff: response.headers.get("x-content-type-options") };
  }, { path, headers });

  /** Puts a film into the page and resolves when its first frame is there. */
  const show = (on = page) => on.evaluate(async (src) => {
    const video = document.createElement("video");
    Object.assign(video, { src, muted: true, preload: "auto" });
    document.body.append(video);
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) await new Promise((resolve, reject) => {
      video.addEventListener("loadeddata", resolve);
      video.addEventListener("error", () => reject(new Error(video.error.message)));
    });
    return Math.round(video.duration);
  }, `/kelp${film.path}`);

  const idle = async (within) => {
    for (const end = Date.now() + within; store.inFlight > 0 && Date.now() < end;) await new Promise((turn) => setTimeout(turn, 10));
    return store.inFlight;
  };

  test("a page reads a whole file and its last byte", TIME, async () => {
    assert.equal(await register(), true);
    assert.deepEqual(await read(`/kelp${film.path}`), { status: 200, length: film.size, digest: film.sha256, type: "video/webm", nosniff: "nosniff" });
    const { status, length } = await read(`/kelp${film.path}`, { range: `bytes=${film.size - 1}-` });
    assert.deepEqual([status, length], [206, 1]);
    assert.equal(store.requests.filter(({ url }) => url.includes("metadata=true")).length, 1, "requests for the entry");
  });

  test("a film plays, and seeks ten times in a row", TIME, async () => {
    await register();
    assert.equal(await show(), 40);
    const times = await page.evaluate(async () => {
      const video = document.querySelector("video");
      const seek = async (time) => {
        video.currentTime = time;
        await new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
        return [video.currentTime, video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA];
      };
      const seen = [];
      for (const time of [30, 5, 35, 1, 20, 39, 10, 25, 15, 30]) seen.push(await seek(time));
      video.playbackRate = 16;
      video.currentTime = 36;
      await video.play();
      await new Promise((resolve) => video.addEventListener("ended", resolve, { once: true }));
      return seen;
    });
    assert.deepEqual(times, [30, 5, 35, 1, 20, 39, 10, 25, 15, 30].map((time) => [time, true]));
  });

  test("two films at once", TIME, async () => {
    await register();
    assert.deepEqual(await Promise.all([show(), show()]), [40, 40]);
  });

  test("an element that goes away cancels its requests", TIME, async () => {
    await register();
    store.rate = 50_000;
    await page.evaluate((src) => { document.body.innerHTML = `<video preload=auto src="${src}"></video>`; }, `/kelp${film.path}`);
    for (const end = Date.now() + 10_000; store.bytesSent < 10_000 && Date.now() < end;) await new Promise((turn) => setTimeout(turn, 10));
    assert.notEqual(store.inFlight, 0);
    await page.evaluate(() => {
      const video = document.querySelector("video");
      video.removeAttribute("src");
      video.load();
      video.remove();
    });
    assert.equal(await idle(1000), 0);
  });

  test("a closed tab leaves no request", TIME, async () => {
    await register();
    const other = await newPage();
    await other.evaluate(async (path) => {
      const { body } = await fetch(path);
      await body.getReader().read();
    }, `/kelp${film.path}`);
    store.rate = 50_000;
    await new Promise((turn) => setTimeout(turn, 100));
    assert.notEqual(store.inFlight, 0);
    await other.close();
    assert.equal(await idle(1000), 0);
  });

  test("a link is a download with the name it asks for", TIME, async () => {
    await register();
    await page.evaluate((href) => { document.body.innerHTML = `<a href="${href}">save</a>`; }, `/kelp${film.path}?download=my%20film.webm`);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByText("save").click()]);
    assert.equal(download.suggestedFilename(), "my film.webm");
    const hash = createHash("sha256");
    for await (const piece of createReadStream(await download.path())) hash.update(piece);
    assert.equal(hash.digest("hex"), film.sha256);
  });

  test("after a reload past the worker, the page is controlled again", TIME, async () => {
    await register();
    const session = await context.newCDPSession(page);
    await session.send("Page.enable");
    const loaded = page.waitForEvent("load");
    await session.send("Page.reload", { ignoreCache: true });
    await loaded;
    assert.equal(await page.evaluate(() => navigator.serviceWorker.controller), null, "the reload did not go past the worker");
    assert.equal(await register(), true);
    assert.equal((await read(`/kelp${film.path}`)).digest, film.sha256);
  });

  test("a worker that the browser stopped starts again", TIME, async () => {
    await register();
    await read(`/kelp${film.path}`, { range: "bytes=0-9" });
    const session = await context.newCDPSession(page);
    await session.send("ServiceWorker.enable");
    await session.send("ServiceWorker.stopAllWorkers");
    assert.equal((await read(`/kelp${film.path}`)).digest, film.sha256);
    assert.equal(store.requests.filter(({ url }) => url.includes("metadata=true")).length, 2, "requests for the entry");
  });

  test("the page hears of bodies, and of errors by path", TIME, async () => {
    await register();
    await read(`/kelp${film.path}`);
    assert.equal((await read("/kelp/none")).status, 404);
    problems = problems.filter((problem) => !problem.includes("404"));
    await page.waitForFunction(() => reports.some(({ kind }) => kind === "error"));
    const reports = await page.evaluate(() => globalThis.reports);
    assert.deepEqual([reports[0].kind, reports[0].path, reports[0].length], ["start", film.path, film.size]);
    const { kind, path, delivered } = reports.find((report) => report.kind === "end");
    assert.deepEqual([kind, path, delivered], ["end", film.path, film.size]);
    const failed = reports.at(-1);
    assert.deepEqual([failed.kind, failed.path, failed.code], ["error", "/none", "not_found"]);
  });

  // The page is of the site's origin, so a script of an uploaded file could act for the site.
  test("a stored page runs no script", TIME, async () => {
    const text = "<title>inert</title><script>document.title = 'ran'</script><svg xmlns='http://www.w3.org/2000/svg' onload=\"document.title = 'ran'\"/>";
    const { path } = store.addFile({ path: "/x/page.html", bytes: Buffer.from(text), chunkSize: 1000, mime: "text/html" });
    await register();
    await page.goto(`${origin}/kelp${path}`);
    assert.equal(await page.title(), "inert");
    problems = problems.filter((problem) => !problem.includes("sandboxed"));
  });

  test("a worker that cannot be installed is an error", TIME, async () => {
    const name = await page.evaluate(async (kind) => {
      const { register } = await import("/kelp-stream/service-worker.js");
      return register("/kelp-stream/none.js", { type: kind }).catch((error) => error.name);
    }, type);
    assert.equal(name, "TypeError");
    problems = problems.filter((problem) => !problem.includes("404"));
  });
}
