// Workers and the codec module in a page: policies, lost files, and pages that are bundled.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { prose, startStore, urlOf } from "../../store/index.mjs";
import { closeAll, consumer, installed, launchChromium, servePackage } from "../support.mjs";

const PAGE = `<!doctype html><link rel=icon href=data:,>`;

let browser, store, file;
before(async () => {
  browser = await launchChromium();
  store = await startStore({ cluster: null });
  file = store.addFile({ path: "/f/packed.bin", bytes: prose("packed", 1_200_000), chunkSize: 400_000, cipher: true, gzip: true });
});
after(async () => {
  await closeAll();
  await store.close();
});

/** Reads the file in a page, in each of these ways. Resolves to what happened, and to the warnings of the console. */
async function readIn(options, ways, script = "/kelp-stream/index.js") {
  const origin = await servePackage({ ...options, routes: { "/page.html": PAGE, ...options.routes } });
  const page = await browser.newPage();
  const unhandled = [];
  page.on("pageerror", (error) => unhandled.push(error.message));
  await page.goto(`${origin}/page.html`);
  const results = await page.evaluate(read, { script, url: urlOf(store, file.path), ways });
  assert.deepEqual(unhandled, [], "unhandled errors in the page");
  await page.close();
  return results;
}

async function read({ script, url, ways }) {
  const { openFiler, Pool } = await import(script);
  const results = [];
  for (const options of ways) {
    const pool = new Pool();
    const by = [];
    const opened = await openFiler(url, { pool, ...options, onEvent: ({ kind, reason }) => kind === "decoded" && by.push(reason) });
    let delivered = 0;
    try {
      const reader = opened.stream().getReader();
      for (let next = await reader.read(); !next.done; next = await reader.read()) delivered += next.value.length;
      results.push({ delivered, by: [...new Set(by)], workers: opened.stats.workers });
    } catch (error) {
      const { code, message, retryable, cause } = error;
      results.push({ delivered, code, message, retryable, cause: String(cause) });
    }
    pool.close();
  }
  return results;
}

const policy = (workers) => ({ "content-security-policy": `default-src 'self'; connect-src *; img-src data:; script-src 'self' 'wasm-unsafe-eval'; worker-src ${workers}` });

test("a policy without blob: lets workers decode", async () => {
  const [read] = await readIn({ headers: policy("'self'") }, [{ workers: 2 }]);
  assert.deepEqual(read.by, ["worker, webcrypto, codec"]);
  assert.ok(read.workers >= 1);
});

test("under a policy that forbids workers, the page decodes", async () => {
  const results = await readIn({ headers: policy("'none'") }, [{ workers: 2 }, {}, { workers: 1, decoder: "wasm" }]);
  assert.deepEqual(results.map(({ delivered, by, workers }) => [delivered, by, workers]), [
    [file.size, ["webcrypto, codec"], 0], [file.size, ["webcrypto, codec"], 0], [file.size, ["codec"], 0],
  ]);
});

test("without worker.js the page decodes", async () => {
  const routes = { "/kelp-stream/worker.js": (_, response) => response.writeHead(404).end() };
  const [read] = await readIn({ routes }, [{ workers: 1 }]);
  assert.deepEqual([read.delivered, read.by], [file.size, ["webcrypto, codec"]]);
});

// A policy is asked when a module is compiled, and the page has done that.
test("a worker decodes whose own policy forbids wasm", async () => {
  const body = await readFile(join(installed, "dist/worker.js"));
  const routes = {
    "/kelp-stream/worker.js": (_, response) => response.writeHead(200, { "content-type": "text/javascript", "content-security-policy": "script-src 'self'" }).end(body),
  };
  const [read] = await readIn({ routes }, [{ workers: 1, decoder: "wasm" }]);
  assert.deepEqual([read.delivered, read.by], [file.size, ["worker, codec"]]);
});

test("a lost codec module is unsupported before the first byte", async () => {
  let lost = 0;
  const wasm = await readFile(join(installed, "dist/kelp_stream_codec.wasm"));
  const routes = {
    "/kelp-stream/kelp_stream_codec.wasm": (_, response) => {
      if (lost++ < 3) response.writeHead(404).end();
      else response.writeHead(200, { "content-type": "application/wasm" }).end(wasm);
    },
  };
  const results = await readIn({ routes }, [{ workers: 0 }, { workers: 1 }, { workers: 0, decoder: "wasm" }, { workers: 1 }]);
  for (const { delivered, code, retryable, cause } of results.slice(0, 3)) {
    assert.deepEqual([delivered, code, retryable], [0, "unsupported", false]);
    assert.match(cause, /kelp_stream_codec\.wasm.*404/);
  }
  assert.equal(results[3].delivered, file.size, "the next call tries again");
});

test("a bundle of esbuild starts the worker that lies next to it", async () => {
  const { outputFiles } = await build({
    stdin: { contents: `export * from "kelp-stream";`, resolveDir: consumer },
    bundle: true, format: "esm", write: false, minify: true, logLevel: "silent",
  });
  const served = async (name, type) => ({ type, body: await readFile(join(installed, "dist", name)) });
  const routes = {
    "/assets/app.js": { type: "text/javascript", body: Buffer.from(outputFiles[0].contents) },
    "/assets/worker.js": await served("worker.js", "text/javascript"),
    "/assets/kelp_stream_bg.wasm": await served("kelp_stream_bg.wasm", "application/wasm"),
    "/assets/kelp_stream_more.wasm": await served("kelp_stream_more.wasm", "application/wasm"),
    "/assets/kelp_stream_codec.wasm": await served("kelp_stream_codec.wasm", "application/wasm"),
  };
  const [read] = await readIn({ routes }, [{ workers: 1 }], "/assets/app.js");
  assert.deepEqual([read.delivered, read.by, read.workers], [file.size, ["worker, webcrypto, codec"], 1]);
});
