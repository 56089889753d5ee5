// Imports the package in a browser from a static server, without a bundler.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { manifest } from "../../../scripts/command.mjs";
import { closeAll, launchChromium, servePackage } from "../support.mjs";

const USE = `import { init, version } from "/kelp-stream/index.js"; await init();`;
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const STRICT = { "content-security-policy": "default-src 'self'; img-src data:; script-src 'self' 'wasm-unsafe-eval'" };

let browser;
before(async () => {
  browser = await launchChromium();
});
after(closeAll);

const script = (source) => ({ type: "text/javascript", body: source });
const page = `<!doctype html><link rel=icon href=data:,><script type=module src="/main.js"></script>`;
const routes = {
  "/page.html": page,
  "/main.js": script(`${USE} document.title = version();`),
  "/with-worker.html": page.replace("main.js", "start-worker.js"),
  "/start-worker.js": script(`new Worker("/worker.js", { type: "module" }).onmessage = ({ data }) => { document.title = data; };`),
  "/worker.js": script(`${USE} postMessage(version());`),
  "/with-service-worker.html": page.replace("main.js", "start-service-worker.js"),
  "/start-service-worker.js": script(`
    navigator.serviceWorker.onmessage = ({ data }) => { document.title = data; };
    await navigator.serviceWorker.register("/service-worker.js", { type: "module" });
    (await navigator.serviceWorker.ready).active.postMessage("which?");
  `),
  "/service-worker.js": script(`
    import { init, version } from "/kelp-stream/index.js";
    onmessage = (event) => event.waitUntil(init().then(() => event.source.postMessage(version())));
  `),
};

// Opens the page and returns its title once it is set. Any error in the page fails the test.
async function titleOf(path, headers) {
  const origin = await servePackage({ routes, headers });
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  await page.goto(origin + path);
  await page.waitForFunction(() => document.title !== "", undefined, { timeout: 10_000 }).catch((error) => problems.push(error.message));
  assert.deepEqual(problems, []);
  const title = await page.title();
  await page.close();
  return title;
}

test("a page imports one file", async () => {
  assert.equal(await titleOf("/page.html"), manifest.version);
});

test("a cross-origin isolated page imports it", async () => {
  assert.equal(await titleOf("/page.html", ISOLATED), manifest.version);
});

test("a page whose CSP forbids eval imports it", async () => {
  assert.equal(await titleOf("/page.html", STRICT), manifest.version);
});

test("a module worker imports it", async () => {
  assert.equal(await titleOf("/with-worker.html"), manifest.version);
});

test("a module worker of an isolated page imports it", async () => {
  assert.equal(await titleOf("/with-worker.html", ISOLATED), manifest.version);
});

test("a service worker imports it", async () => {
  assert.equal(await titleOf("/with-service-worker.html"), manifest.version);
});
