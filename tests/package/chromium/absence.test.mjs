// A page that is off the network for a while, frozen, or in the background: its streams wait, go on by themselves, and lose no attempt.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { prose, sha256, startStore, urlOf } from "../../store/index.mjs";
import { closeAll, launchChromium, servePackage } from "../support.mjs";
import { openBackgroundPage } from "./background.mjs";

/** What Playwright adds so that pages in the background are not slowed down. */
const KEEPS_AWAKE = ["--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding"];

let browser, store;
before(async () => {
  browser = await launchChromium({ ignoreDefaultArgs: KEEPS_AWAKE });
  store = await startStore({ cluster: null });
});
after(async () => {
  await closeAll();
  await store.close();
});

/** Begins to read in the page; a failed attempt ends the stream. The state is `window.reads[name]`. */
async function begin({ name, open, args, options }) {
  const kelp = await import("/kelp-stream/index.js");
  const read = { delivered: 0, events: [], outcome: null };
  (globalThis.reads ??= {})[name] = read;
  const onEvent = ({ kind, reason, index }) => ["wait", "retry", "failover", "hedge", "relookup"].includes(kind) && read.events.push(`${kind} ${reason}`);
  try {
    const [first, more] = args;
    const locate = more?.locate && ((fileId) => ({ urls: more.locate.map((server) => `${server}/${fileId}`) }));
    const file = await kelp[open](first, { pool: new kelp.Pool(), retry: { passes: 1 }, ...more, ...options, ...(locate && { locate }), onEvent });
    globalThis.files = { ...globalThis.files, [name]: file };
    const reader = file.stream().getReader();
    const pieces = [];
    (async () => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        pieces.push(next.value);
        read.delivered += next.value.length;
      }
      const digest = await crypto.subtle.digest("SHA-256", await new Blob(pieces).arrayBuffer());
      read.outcome = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
    })().catch((error) => (read.outcome = `${error.code}: ${error.message} ${JSON.stringify(error.attempts)}`));
  } catch (error) {
    read.outcome = `${error.code}: ${error.message}`;
  }
}

const readsOf = (page) => page.evaluate(() => globalThis.reads ?? {});

/** Waits until the page's reads are as wanted. */
async function until(page, condition, what) {
  for (const end = performance.now() + 30_000; ; ) {
    const reads = await readsOf(page);
    if (condition(reads)) return reads;
    assert.ok(performance.now() < end, `not within 30 s: ${what}; ${JSON.stringify(reads)}`);
    await sleep(50);
  }
}

const ended = (reads) => Object.values(reads).every(({ outcome }) => outcome !== null);

/** The two ways to take a page off the network. */
const OFFLINE = {
  "over the DevTools protocol": async (origin) => {
    const page = await openBackgroundPage(browser, origin);
    await page.send("Network.enable");
    return { page, setOffline: (offline) => page.setOffline(offline) };
  },
  "with its context": async (origin) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(origin);
    return { page, setOffline: (offline) => context.setOffline(offline) };
  },
};

for (const [way, open] of Object.entries(OFFLINE)) {
  // F101
  test(`a page off the network waits for it: ${way}`, { timeout: 120_000 }, async () => {
    const { entry, sha256: right } = store.addFile({ path: `/f/${way}`, bytes: prose(way, 3_000_000), chunkSize: 300_000, replicas: [0] });
    store.rate = 150_000;
    const { page, setOffline } = await open(await servePackage());
    await page.evaluate(begin, { name: "a", open: "openEntry", args: [entry, { locate: [store.volumes[0]] }], options: { concurrency: 3 } });
    const { a: { delivered } } = await until(page, ({ a }) => a?.delivered > 100_000, "some bytes");
    await setOffline(true);
    // The emulation leaves bodies alone that are under way; a network that is gone ends them.
    await store.killVolume(0);
    const requests = store.requests.length;
    await until(page, ({ a }) => a.events.length >= 3, "three views wait");
    await sleep(3000);
    const { a } = await readsOf(page);
    assert.equal(a.outcome, null, "it waits");
    assert.deepEqual(a.events, Array(3).fill("wait offline"));
    assert.ok(delivered < 3_000_000 && store.requests.length === requests, "no request gets through");
    await store.reviveVolume(0);
    store.rate = 0;
    await setOffline(false);
    const { a: { outcome, events } } = await until(page, ended, "the end");
    assert.equal(outcome, right);
    assert.deepEqual(events.slice(3), Array(3).fill("retry offline"));
  });
}

/** A server whose responses stop, in `where`, until they are released. */
function holding(bytes) {
  const held = [];
  const hold = () => new Promise((release) => held.push(release));
  const route = (where) => async (request, response) => {
    response.sendDate = false;
    const head = () => response.writeHead(206, { "content-type": "application/octet-stream", "content-length": bytes.length, "content-range": `bytes 0-${bytes.length - 1}/${bytes.length}` });
    if (where === "head") await hold();
    head();
    response.write(bytes.subarray(0, 1000));
    if (where === "body") await hold();
    response.end(bytes.subarray(1000));
  };
  return { routes: { "/head": route("head"), "/body": route("body") }, held };
}

// F103, F211
test("time in which a page is frozen is no server's", { timeout: 120_000 }, async () => {
  const bytes = prose("frozen", 50_000);
  const { routes, held } = holding(bytes);
  const origin = await servePackage({ routes });
  const page = await openBackgroundPage(browser, origin);
  const LIMIT = 3000;
  for (const name of ["head", "body"]) {
    await page.evaluate(begin, { name, open: "openUrl", args: [`${origin}/${name}`], options: { size: bytes.length, timeout: { headers: LIMIT, idle: LIMIT } } });
  }
  await until(page, ({ body }) => held.length === 2 && body?.delivered === 1000, "both wait");
  await page.evaluate(() => {
    globalThis.slept = [];
    document.addEventListener("freeze", () => slept.push(performance.now()));
    document.addEventListener("resume", () => slept.push(performance.now()));
  });
  // Timers then fire a little late, and very late.
  for (const time of [LIMIT + 1200, 3 * LIMIT]) {
    await page.freeze();
    await sleep(time);
    await page.thaw();
    await sleep(500);
  }
  assert.equal((await page.evaluate(() => globalThis.slept)).length, 4, "the page was frozen twice");
  const waiting = await readsOf(page);
  for (const name of ["head", "body"]) assert.deepEqual([waiting[name].outcome, waiting[name].events], [null, []], name);
  for (const release of held) release();
  const reads = await until(page, ended, "the end");
  for (const name of ["head", "body"]) assert.deepEqual([reads[name].outcome, reads[name].events], [sha256(bytes), []], name);
});

// F102
test("a page in the background reads on while its timers are slow", { timeout: 120_000 }, async () => {
  const { path, sha256: right, fileIds } = store.addFile({ path: "/f/background", bytes: prose("background", 4_000_000), chunkSize: 200_000, cipher: true, gzip: true });
  store.rate = 0;
  store.latency = 20;
  const page = await openBackgroundPage(browser, await servePackage());
  await page.hide();
  const interval = () => page.evaluate(() => new Promise((done) => {
    const times = [];
    const timer = setInterval(() => times.push(performance.now()) === 3 && (clearInterval(timer), done(times[2] - times[1])), 10);
  }));
  for (const end = performance.now() + 30_000; (await interval()) < 500; ) assert.ok(performance.now() < end, "timers are not slowed down");
  const fault = store.fault({ fileId: fileIds[3] }, { status: 500 });
  await page.evaluate(begin, { name: "a", open: "openFiler", args: [urlOf(store, path)], options: { retry: { passes: 20 }, timeout: { headers: 6000, idle: 6000 } } });
  await until(page, ({ a }) => a.events.length > 1, "a pause between passes");
  fault.remove();
  const { a: { outcome, events } } = await until(page, ended, "the end");
  assert.equal(outcome, right);
  assert.deepEqual(events.filter((event) => !/^(retry|relookup|wait) http$/.test(event)), [], "only what the fault causes");
});
