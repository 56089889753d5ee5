// A service worker in Firefox, which ends one that has no event for 30 seconds: the body that it sends would end short.
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { browsers, openBrowser } from "../../../scripts/install/browsers.mjs";
import { startStore } from "../../store/index.mjs";
import { closeAll, servePackage } from "../support.mjs";

const { skip = false } = browsers().firefox;

const PROGRAMS = {
  module: 'import { openFiler } from "/kelp-stream/index.js"; import { createHandler } from "/kelp-stream/service-worker.js";',
  classic: 'importScripts("/kelp-stream/service-worker.classic.js"); const { createHandler, openFiler } = kelpStream;',
};
const HANDLER = `
  const handler = createHandler({ prefix: "/kelp/", open: (path) => openFiler(new URL(location).searchParams.get("filer") + path) });
  addEventListener("install", () => skipWaiting());
  addEventListener("fetch", (event) => handler.respond(event));
`;
const PAGE = `<!doctype html><meta charset=utf-8><link rel=icon href=data:,><script type=module>
  import { register } from "/kelp-stream/service-worker.js";
  const { type, filer, path, act } = Object.fromEntries(new URL(location).searchParams);
  const acts = {
    async read() {
      const response = await fetch("/kelp" + path);
      const body = await response.arrayBuffer();
      const digest = Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", body)), (byte) => byte.toString(16).padStart(2, "0")).join("");
      return { length: body.byteLength, digest };
    },
    async seek() {
      const video = document.body.appendChild(Object.assign(document.createElement("video"), { src: "/kelp" + path, muted: true, preload: "auto" }));
      const happens = (name) => new Promise((resolve, reject) => {
        video.addEventListener(name, resolve, { once: true });
        video.addEventListener("error", () => reject(new Error(video.error.message)), { once: true });
      });
      if (video.readyState < 2) await happens("loadeddata");
      video.currentTime = 30;
      await happens("seeked");
      return { duration: Math.round(video.duration), time: video.currentTime, isReady: video.readyState >= 2 };
    },
  };
  async function run() {
    await register("/" + type + ".js?filer=" + encodeURIComponent(filer), { type });
    return acts[act]();
  }
  const result = await run().catch((error) => ({ error: String(error) }));
  await fetch("/result", { method: "POST", body: JSON.stringify(result) });
</script>`;

describe("a service worker in Firefox", { skip }, () => {
  let store, film;
  before(async () => {
    store = await startStore({ cluster: "cipher" });
    film = store.cases.find(({ name }) => name === "film");
  });
  after(async () => {
    await closeAll();
    await store?.close();
  });

  /** What the page reports after it has registered the worker. */
  async function resultOf(type, act) {
    const script = (body) => ({ type: "text/javascript", body });
    let report;
    const reported = new Promise((resolve) => (report = resolve));
    const origin = await servePackage({
      routes: {
        "/act": PAGE,
        [`/${type}.js`]: script(PROGRAMS[type] + HANDLER),
        "/result": async (request, response) => {
          report(JSON.parse(await text(request)));
          response.end();
        },
      },
    });
    const query = new URLSearchParams({ type, act, filer: store.filer, path: film.path });
    const browser = await openBrowser("firefox", `${origin}/act?${query}`);
    try {
      return await reported;
    } finally {
      await browser.close();
    }
  }

  for (const type of ["module", "classic"]) {
    test(`${type}: a film seeks`, { timeout: 120_000 }, async () => {
      assert.deepEqual(await resultOf(type, "seek"), { duration: 40, time: 30, isReady: true });
    });
  }

  // Without messages from the page the worker ends after 30 s, and the body is short.
  test("a body of 50 seconds is whole", { timeout: 180_000 }, async (t) => {
    store.link = film.size / 50;
    t.after(() => (store.link = 0));
    assert.deepEqual(await resultOf("module", "read"), { length: film.size, digest: film.sha256 });
  });
});
