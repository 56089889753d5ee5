// The pages of examples/ in Chromium, with the installed package, reading the encrypted film of the fixtures.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { closeAll, launchChromium, servePackage } from "../package/support.mjs";
import { routesOf, startFilm } from "./support.mjs";

const TIME = { timeout: 60_000 };

let film, browser, page, origin, problems;

before(async () => {
  film = await startFilm();
  browser = await launchChromium();
  origin = await servePackage({ routes: { ...routesOf("page"), ...routesOf("progress"), ...routesOf("video") } });
});
after(async () => {
  await closeAll();
  await film?.store.close();
});

beforeEach(async () => {
  page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
});
afterEach(async () => {
  await page.close();
  film.store.latency = 0;
  assert.deepEqual(problems, []);
});

const open = (name, url = film.url) => page.goto(`${origin}/examples/${name}/?url=${encodeURIComponent(url)}`);

test("the plain page reads a range and the whole", TIME, async () => {
  await open("page");
  await page.getByText(`delivered: ${film.size} bytes`).waitFor();
  const printed = await page.locator("#output").textContent();
  assert.match(printed, new RegExp(`^film\\.webm: ${film.size} bytes of video/webm, in 36 views`));
  assert.match(printed, /first bytes: 26,69,223,163,/);
});

test("the plain page shows the code of an error", TIME, async () => {
  await open("page", `${film.url}.missing`);
  await page.getByText(/^not_found: /).waitFor();
  problems = problems.filter((problem) => !problem.includes("404"));
});

// A file dialog cannot be answered here: a file of the origin's own stands in for one on disk.
test("a file is saved to disk, with progress", TIME, async () => {
  await open("progress");
  await page.evaluate(() => {
    globalThis.showSaveFilePicker = async ({ suggestedName }) => (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
  });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(`Saved film.webm, ${film.size} bytes.`).waitFor();
  assert.equal(await page.locator("#progress").evaluate(({ value }) => value), film.size);
  assert.equal(await page.evaluate(savedDigest, "film.webm"), film.sha256);
});

async function savedDigest(name) {
  const file = await (await (await navigator.storage.getDirectory()).getFileHandle(name)).getFile();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

test("where pages cannot write to disk, it is a download", TIME, async () => {
  await open("progress");
  await page.evaluate(() => { delete globalThis.showSaveFilePicker; });
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save" }).click()]);
  assert.equal(download.suggestedFilename(), "film.webm");
});

test("cancelling a download stops every request", TIME, async () => {
  film.store.latency = 300;
  await open("progress");
  await page.evaluate(() => { delete globalThis.showSaveFilePicker; });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(/of \d+ bytes/).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled.").waitFor();
  for (const end = Date.now() + 5000; film.store.inFlight > 0;) {
    assert.ok(Date.now() < end, `${film.store.inFlight} requests are in flight`);
    await new Promise((turn) => setTimeout(turn, 10));
  }
});

test("a service worker plays a video, which can seek", TIME, async () => {
  await open("video");
  await page.waitForFunction(() => document.querySelector("video").readyState >= HTMLMediaElement.HAVE_CURRENT_DATA);
  const at = await page.locator("video").evaluate(async (video) => {
    video.currentTime = 30;
    await new Promise((done) => video.addEventListener("seeked", done, { once: true }));
    return [Math.round(video.duration), video.currentTime];
  });
  assert.deepEqual(at, [40, 30]);
  const part = await page.evaluate(readPart, "files/d/film.webm");
  assert.deepEqual(part, { status: 206, range: `bytes 1000-1009/${film.size}`, length: 10 });
});

async function readPart(path) {
  const response = await fetch(path, { headers: { range: "bytes=1000-1009" } });
  return { status: response.status, range: response.headers.get("content-range"), length: (await response.arrayBuffer()).byteLength };
}

test("the service worker answers for a missing file", TIME, async () => {
  await open("video");
  await page.waitForFunction(() => navigator.serviceWorker.controller && document.querySelector("video").src);
  assert.equal(await page.evaluate(async () => (await fetch("files/d/missing.webm")).status), 404);
  problems = problems.filter((problem) => !/404/.test(problem));
});
