// The example of the README.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { root } from "../../../scripts/command.mjs";
import { startStore } from "../../store/index.mjs";
import { closeAll, launchChromium, servePackage } from "../support.mjs";

after(closeAll);

const EXAMPLE = /```js\n(import \{ openFiler \}.*?)```/s;

test("the example of the README works in a page", { timeout: 60_000 }, async () => {
  const store = await startStore({ cluster: "cipher" });
  try {
    const [, example] = readFileSync(join(root, "README.md"), "utf8").match(EXAMPLE);
    const pasted = example.replace("http://localhost:8888/videos/film.webm", `${store.filer}/d/film.webm`).replace('"kelp-stream"', '"/kelp-stream/index.js"');
    assert.ok(pasted.includes(store.filer) && pasted.includes("/index.js"), "the example names a file and the package");
    const page = await (await launchChromium()).newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(error.message));
    let delivered = 0;
    page.on("console", (message) => {
      if (/^\d+$/.test(message.text())) delivered += Number(message.text());
    });
    const routes = { "/page.html": "<!doctype html><link rel=icon href=data:,><body><script type=module src=/main.js></script>", "/main.js": { type: "text/javascript", body: pasted } };
    await page.goto(`${await servePackage({ routes })}/page.html`);
    await page.waitForFunction(() => document.querySelector("video")?.readyState >= 1, undefined, { timeout: 30_000 }).catch((error) => problems.push(error.message));
    assert.deepEqual(problems, []);
    assert.equal(delivered, store.cases.find(({ name }) => name === "film").size, "every byte came through the stream");
  } finally {
    await store.close();
  }
});
