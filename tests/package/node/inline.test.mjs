// `kelp-stream/inline` in bundles of one file, from which no wasm file can be reached.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { build } from "esbuild";
import { startStore } from "../../store/index.mjs";
import { closeAll, consumer, launchChromium, servePackage } from "../support.mjs";

const TIME = { timeout: 60_000 };

const PROGRAM = (url, workers) => `
  import { openFiler, Pool } from "kelp-stream/inline";
  const file = await openFiler(${JSON.stringify(url)}, { pool: new Pool({ workers: ${workers} }) });
  const digest = await crypto.subtle.digest("SHA-256", await file.bytes());
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
`;

let store, film, folder;
before(async () => {
  store = await startStore({ cluster: "cipher" });
  film = store.cases.find(({ name }) => name === "film");
  folder = await mkdtemp(join(tmpdir(), "kelp-inline-"));
});
after(async () => {
  await closeAll();
  await store?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Bundles the program and what follows it into one file. */
async function bundle(program, rest, options) {
  const [, imports, body] = /^\s*(import[^;]+;)(.*)$/s.exec(program);
  const outfile = join(folder, options.name);
  const { name, ...settings } = options;
  const contents = `${imports} (async () => { ${body} ${rest} })();`;
  const { metafile, warnings } = await build({ stdin: { contents, resolveDir: consumer }, bundle: true, outfile, metafile: true, logLevel: "silent", ...settings });
  assert.deepEqual([Object.keys(metafile.outputs).length, warnings.map(({ text }) => text)], [1, []], name);
  return outfile;
}

for (const [format, name] of [["esm", "node.mjs"], ["cjs", "node.cjs"]]) {
  test(`a bundle for Node reads an encrypted file: ${format}`, TIME, async () => {
    const path = await bundle(PROGRAM(store.filer + film.path, 0), "console.log(hex);", { platform: "node", format, name });
    const { stdout } = await promisify(execFile)(process.execPath, [path]);
    assert.equal(stdout.trim(), film.sha256);
  });
}

// Its workers come from the file too.
test("a classic script of a page decodes in workers", TIME, async () => {
  const path = await bundle(PROGRAM(store.filer + film.path, 2), "document.title = `${hex} ${file.stats.workers}`;", { format: "iife", name: "page.js" });
  const origin = await servePackage({
    routes: {
      "/one.html": "<!doctype html><link rel=icon href=data:,><script src=/one.js></script>",
      "/one.js": { type: "text/javascript", body: await readFile(path) },
    },
  });
  const page = await (await launchChromium()).newPage();
  await page.goto(`${origin}/one.html`);
  await page.waitForFunction(() => document.title !== "");
  assert.equal(await page.title(), `${film.sha256} 2`);
});
