// The demo page in a browser, used as a person would.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { target } from "../../scripts/command.mjs";
import { start } from "../../scripts/start.mjs";
import { noise } from "../store/index.mjs";
import { closeAll, launchChromium } from "../package/support.mjs";

const SECONDS = 1000;
const FILM = "film.webm";

let demo, browser, page, problems;

before(async () => {
  mkdirSync(target, { recursive: true });
  demo = await start({ port: 0 });
  browser = await launchChromium();
});
after(async () => {
  await closeAll();
  await demo?.close();
});

beforeEach(async () => {
  demo.standIn.set({ latency: 0, rate: 0 });
  for (const [store, { volumes }] of Object.entries(demo.stores)) {
    for (const index of volumes.keys()) await demo.standIn.setReplica({ store, index, slowness: 1, isAlive: true });
  }
  await open();
});
afterEach(async () => {
  await page.close();
  assert.deepEqual(problems, []);
});

async function open({ origin = demo.origin, ...options } = {}) {
  await page?.close();
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, ...options });
  page.setDefaultTimeout(20 * SECONDS);
  problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  await page.goto(origin);
  await page.getByText(/^\d+ entr/).waitFor();
}

const file = (name) => page.getByRole("button", { name, exact: true });
const button = (name) => page.getByRole("button", { name });
const untilIt = (state) => page.locator(`#run[data-state=${state}]`).waitFor();
const delivered = () => page.getByRole("progressbar", { name: "Delivered" }).getAttribute("aria-valuetext");

async function until(condition) {
  for (const end = Date.now() + 10 * SECONDS; !condition();) {
    assert.ok(Date.now() < end, `the condition stayed false: ${condition}`);
    await new Promise((turn) => setTimeout(turn, 5));
  }
}

test("a film streams, matches its digest, and plays", async () => {
  const { sha256, size } = demo.stores.cipher.cases.find(({ path }) => path === `/d/${FILM}`);
  await file(FILM).click();
  await untilIt("done");
  assert.match(await page.locator("[data-digest=match]").textContent(), new RegExp(sha256));
  assert.equal(await delivered(), `${size.toLocaleString("en")} of ${size.toLocaleString("en")} bytes`);
  await page.waitForFunction(() => document.querySelector("video").readyState >= HTMLMediaElement.HAVE_METADATA);
  assert.ok(await page.locator("video").evaluate(({ duration }) => duration > 39 && duration < 41));
});

test("the waterfall describes each view to keyboard users", async () => {
  await file(FILM).click();
  await untilIt("done");
  await page.getByRole("group", { name: "Waterfall" }).focus();
  await page.keyboard.press("End");
  assert.match(await page.locator("#waterfall-view").textContent(), /^View 35, chunk \d,[0-9a-f]+ from 127\.0\.0\.1:\d+: first byte after .*, delivered$/);
  assert.match(await page.locator("#waterfall-summary").textContent(), /^36 rows, 36 delivered, from [23] hosts/);
});

test("a file is chosen and cancelled with the keyboard", async () => {
  demo.stores.cipher.latency = 200;
  for (let presses = 0; (await page.evaluate(() => document.activeElement.textContent)) !== FILM; presses++) {
    assert.ok(presses < 20, "Tab does not come to the film");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await untilIt("running");
  await button("Cancel").focus();
  await page.keyboard.press("Enter");
  await untilIt("cancelled");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Run again");
});

test("cancelling stops every request, and no other follows", async () => {
  const store = demo.stores.cipher;
  store.latency = 100;
  store.resetLog();
  // All of the film may already be in flight: it is small.
  await file("forest.bin").click();
  await until(() => store.requests.filter(({ fileId, state }) => fileId && state === "done").length > 4);
  await button("Cancel").click();
  await untilIt("cancelled");
  await until(() => store.inFlight === 0);
  const sent = store.requests.length;
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
  assert.equal(store.requests.length, sent);
  assert.equal(store.inFlight, 0);
  assert.ok(sent < 256, "the file was read to its end");
});

test("concurrency 1 has one request in flight, 4 at most four", async () => {
  const store = demo.stores.cipher;
  store.latency = 20;
  await page.getByRole("checkbox", { name: /Auto/ }).uncheck();
  await page.getByRole("checkbox", { name: /Hedge/ }).uncheck();
  const peak = async (concurrency) => {
    await page.getByRole("slider", { name: /Concurrency/ }).fill(String(concurrency));
    store.resetLog();
    await file(FILM).click();
    await untilIt("done");
    return store.peakInFlight;
  };
  assert.equal(await peak(1), 1);
  const wide = await peak(4);
  assert.ok(wide > 1 && wide <= 4, `${wide} in flight`);
});

test("comparing streams the file with each concurrency", async () => {
  await page.getByRole("checkbox", { name: /Hedge/ }).uncheck();
  demo.stores.cipher.latency = 20;
  await file(FILM).click();
  await untilIt("done");
  demo.stores.cipher.resetLog();
  await button("Compare").click();
  await page.getByRole("heading", { name: /Concurrency 4 was \d+\.\d\d times as fast as concurrency 1, auto \d+\.\d\d times/ }).waitFor();
  assert.equal(demo.stores.cipher.requests.filter(({ server }) => server.startsWith("volume")).length, 3 * 36);
});

test("the controls change the server's latency and rate at once", async () => {
  await page.getByRole("slider", { name: /Latency/ }).fill("45");
  await page.getByRole("slider", { name: /Rate/ }).fill("2");
  for (const store of Object.values(demo.stores)) await until(() => store.latency === 45 && store.rate === 1048576);
});

test("a corrupt file ends with an error and advice", async () => {
  await page.getByRole("radio", { name: "plain" }).check();
  await file("bad-etag.bin").click();
  await untilIt("failed");
  const alert = await page.getByRole("alert").innerText();
  assert.match(alert, /^corrupt/);
  assert.match(alert, /Trying again does not help/);
  assert.match(alert, /Attempt 1/);
  assert.equal(await page.locator("#result").isVisible(), false);
});

test("choosing another file stops the first", async () => {
  const store = demo.stores.cipher;
  store.latency = 200;
  await file(FILM).click();
  await until(() => store.inFlight > 1);
  await file("one.bin").click();
  await untilIt("done");
  await until(() => store.inFlight === 0);
  assert.equal(await page.getByRole("heading", { level: 2, name: "one.bin" }).count(), 1);
  assert.equal(await delivered(), "5,000 of 5,000 bytes");
});

test("every good file matches its digest", { timeout: 300 * SECONDS }, async () => {
  for (const [name, store] of Object.entries(demo.stores)) {
    await page.getByRole("radio", { name }).check();
    for (const { path } of store.cases.filter(({ sha256 }) => sha256)) {
      await file(path.slice("/d/".length)).click();
      // One has ten thousand chunks.
      await page.locator("#run[data-state=done], #run[data-state=failed]").waitFor({ timeout: 120 * SECONDS });
      assert.equal(await page.locator("[data-digest=match]").count(), 1, `${name}${path}`);
    }
  }
});

test("every broken file ends with its error code", { timeout: 120 * SECONDS }, async () => {
  await page.getByRole("radio", { name: "plain" }).check();
  for (const { path, expect } of demo.stores.plain.cases.filter(({ expect }) => expect?.startsWith("error "))) {
    await file(path.slice("/d/".length)).click();
    await untilIt("failed");
    const code = await page.locator("#error code").first().textContent();
    assert.equal(code, expect.split(" ")[1], path);
  }
  // The browser itself reports the 404 of a missing chunk.
  problems = problems.filter((problem) => !problem.includes("404 (Not Found)"));
});

test("a thousand views have a row each", async () => {
  demo.stores.plain.addFile({ path: "/d/thousand.bin", bytes: noise("page", 1000 * 64), chunkSize: 64, replicas: [0, 1] });
  await open();
  await page.getByRole("radio", { name: "plain" }).check();
  await file("thousand.bin").click();
  await untilIt("done");
  assert.match(await page.locator("#waterfall-summary").textContent(), /^1,000 rows, 1,000 delivered/);
  await look("page-1440-light-thousand");
  // With this many rows only the time of the visible ones is shown, until the user chooses the whole run.
  assert.ok(await page.getByRole("radio", { name: "visible rows" }).isChecked());
  await page.getByRole("radio", { name: "whole run" }).check();
  await look("page-1440-light-thousand-whole");
  await button("Run again").click();
  await untilIt("running");
  await untilIt("done");
  assert.ok(await page.getByRole("radio", { name: "whole run" }).isChecked());
});

test("a failing replica is replaced by another", async () => {
  const fault = demo.stores.plain.fault({ server: "volume0" }, { status: 500 });
  await page.getByRole("radio", { name: "plain" }).check();
  await file("many.bin").click();
  await untilIt("done");
  assert.equal(await page.locator("[data-digest=match]").count(), 1);
  assert.ok(Number(await page.locator("#failovers").textContent()) > 0);
  await look("page-1440-light-failover");
  fault.remove();
  problems = problems.filter((problem) => !problem.includes("500 (Internal Server Error)"));
});

const LONG = "forest.bin";
const shown = async (id) => Number((await page.locator(`#${id}`).textContent()).replaceAll(",", ""));
const untilRequests = (count) => page.waitForFunction((least) => Number(document.querySelector("#requests").textContent) >= least, count);
const isRight = async () => assert.equal(await page.locator("[data-digest=match]").count(), 1);
/** With "auto" the whole file may be requested before a control is changed. */
async function fixConcurrency() {
  await page.getByRole("checkbox", { name: /Auto/ }).uncheck();
  await page.getByRole("slider", { name: /Concurrency/ }).fill("4");
}
/** The description of the charts for screen readers. */
const charts = () => page.locator("#charts").getAttribute("aria-label");

test("concurrency is found while streaming; the charts show it", async () => {
  demo.stores.cipher.latency = 40;
  await file(LONG).click();
  await untilIt("done");
  await isRight();
  const [, least, most] = /^Concurrency (\d+) to (\d+), last \d+; at most (\d+) requests in flight/.exec(await charts()).map(Number);
  assert.ok(least >= 1 && most > least, `from ${least} to ${most}`);
  assert.match(await charts(), /A, 127\.0\.0\.1:\d+: \d+ requests, .*; B, .*; C, /);
  assert.ok(await page.locator("#charts canvas").evaluate(isDrawn), "the charts are empty");
  assert.match(await page.locator("#wait-reader-network").textContent(), /^[\d.]+ m?s, \d+ %$/);
});

// Whether anything is drawn on a canvas, right of its labels and below its axis.
function isDrawn(canvas) {
  const { data } = canvas.getContext("2d").getImageData(60, 30, canvas.width - 80, canvas.height - 40);
  return data.some((value, index) => index % 4 === 3 && value === 255);
}

test("a fixed concurrency stays; without hedging there is none", async () => {
  demo.stores.cipher.latency = 10;
  await page.getByRole("checkbox", { name: /Auto/ }).uncheck();
  await page.getByRole("checkbox", { name: /Hedge/ }).uncheck();
  await page.getByRole("slider", { name: /Concurrency/ }).fill("3");
  await file(LONG).click();
  await untilRequests(30);
  await page.getByRole("slider", { name: "Slower, replica B" }).fill("20");
  await untilRequests(60);
  await page.getByRole("slider", { name: "Slower, replica B" }).fill("1");
  await untilIt("done");
  assert.match(await charts(), /^Concurrency 3; at most 3 requests in flight/);
  assert.equal(await shown("hedges"), 0);
});

test("a replica that slows down in mid-stream is left alone", { timeout: 120 * SECONDS }, async () => {
  demo.stores.cipher.latency = 20;
  await fixConcurrency();
  await file(LONG).click();
  await untilRequests(40);
  await page.getByRole("slider", { name: "Slower, replica A" }).fill("40");
  await until(() => demo.stores.cipher.shape.latencyOf("volume0") === 800);
  await page.locator("#run[data-state=done]").waitFor({ timeout: 60 * SECONDS });
  await isRight();
  // What waits there is hedged, or moved once the replica is known to be slow.
  assert.ok((await shown("hedges")) + (await shown("failovers")) > 0);
  assert.match(await charts(), /\d+ (?:hedge|failure)s?/);
  assert.match(await page.locator("#waterfall-summary").textContent(), /^256 rows, 256 delivered/);
  await look("page-1440-light-hedged");
  await page.getByRole("checkbox", { name: /Auto/ }).check();
});

test("a replica is killed in mid-stream, and used again later", { timeout: 120 * SECONDS }, async () => {
  // Then what the tests before have measured is forgotten, and both replicas are used.
  await button("Kill replica B").click();
  await page.getByText("Replica B is killed.").waitFor();
  await button("Revive replica B").click();
  await page.getByText("Replica B is back.").waitFor();
  demo.stores.cipher.latency = 40;
  await fixConcurrency();
  await file(LONG).click();
  await untilRequests(40);
  await button("Kill replica B").click();
  await page.getByText("Replica B is killed.").waitFor();
  await untilIt("done");
  await isRight();
  assert.ok((await shown("failovers")) > 0);
  await look("page-1440-light-killed");
  await button("Revive replica B").click();
  await page.getByText("Replica B is back.").waitFor();
  demo.stores.cipher.resetLog();
  await button("Run again").click();
  await untilIt("running");
  await untilIt("done");
  await isRight();
  assert.ok(demo.stores.cipher.requests.some(({ server }) => server === "volume1"), "it gets no request any more");
  problems = problems.filter((problem) => !/ERR_(CONNECTION|INCOMPLETE|EMPTY_RESPONSE|SOCKET)/.test(problem));
  await page.getByRole("checkbox", { name: /Auto/ }).check();
});

test("the limit is named: a slow server, a slow reader", { timeout: 60 * SECONDS }, async () => {
  demo.stores.cipher.latency = 100;
  await page.getByRole("checkbox", { name: /Auto/ }).uncheck();
  await page.getByRole("slider", { name: /Concurrency/ }).fill("1");
  await file(FILM).click();
  await untilIt("done");
  assert.match(await page.locator("#limit-is").textContent(), /^Limited by the network/);
  demo.stores.cipher.latency = 0;
  await page.getByRole("slider", { name: /Concurrency/ }).fill("8");
  await page.getByRole("checkbox", { name: /Slow reader/ }).check();
  await page.getByRole("spinbutton", { name: /Budget/ }).fill("1");
  await file(FILM).click();
  await page.locator("#run[data-state=running]").waitFor();
  await untilIt("done");
  assert.match(await page.locator("#limit-is").textContent(), /^Limited by the reader/);
});

test("the replica controls are those of the chosen store", async () => {
  await page.getByRole("radio", { name: "plain" }).check();
  await button("Kill replica C").click();
  await page.getByText("Replica C is killed.").waitFor();
  assert.equal(await button("Revive replica C").count(), 1);
  await page.getByRole("radio", { name: "cipher" }).check();
  assert.equal(await button("Revive").count(), 0);
  await page.getByRole("radio", { name: "plain" }).check();
  assert.equal(await button("Revive replica C").count(), 1);
});

test("saving writes to disk as the bytes arrive", async () => {
  // A file dialog cannot be answered here: a file of the origin's own stands in for one on disk.
  await page.evaluate(() => {
    globalThis.showSaveFilePicker = async ({ suggestedName }) => (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
  });
  await file(FILM).click();
  await untilIt("done");
  await button("Save").click();
  await page.getByText(`Saved as ${FILM}`).waitFor();
  assert.equal(await page.locator("[data-digest=match]").count(), 1);
});

test("without access to the disk, saving is a download", async () => {
  await page.evaluate(() => { delete globalThis.showSaveFilePicker; });
  await file("one.bin").click();
  await untilIt("done");
  const [download] = await Promise.all([page.waitForEvent("download"), button("Save").click()]);
  assert.equal(download.suggestedFilename(), "one.bin");
});

test("a real filer is browsed, and relays its chunks", async () => {
  const store = demo.stores.plain;
  const real = await start({ port: 0, filer: store.filer });
  try {
    await open({ origin: real.origin });
    await file("d/").click();
    store.resetLog();
    await file("many.bin").click();
    await untilIt("done");
    assert.match(await page.locator("[data-digest=unknown]").textContent(), /nothing known to compare/);
    assert.deepEqual([...new Set(store.requests.map(({ server }) => server))], ["filer"]);
    assert.equal(await page.getByRole("slider", { name: /Latency/ }).isVisible(), false);
  } finally {
    await page.close();
    await real.close();
  }
});

for (const [width, height] of [[1440, 900], [390, 844]]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`at ${width} pixels, ${colorScheme}, nothing is cut off`, async () => {
      await open({ viewport: { width, height }, colorScheme });
      demo.stores.cipher.latency = 60;
      await look(`page-${width}-${colorScheme}-start`);
      await file(FILM).click();
      await page.waitForFunction(() => Number(document.querySelector("#requests").textContent) > 12);
      await page.locator(".settings summary").click();
      await look(`page-${width}-${colorScheme}-running`);
      await page.locator(".settings summary").click();
      await untilIt("done");
      await page.waitForFunction(() => document.querySelector("video").readyState >= HTMLMediaElement.HAVE_CURRENT_DATA);
      await look(`page-${width}-${colorScheme}`);
      await page.getByRole("radio", { name: "plain" }).check();
      await file("bad-etag.bin").click();
      await untilIt("failed");
      await look(`page-${width}-${colorScheme}-error`);
    });
  }
}

// Writes a screenshot to target/, and checks that nothing is too wide.
async function look(name) {
  await page.screenshot({ path: join(target, `${name}.png`), fullPage: true });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
}
