// Imports the installed package in Node.
import assert from "node:assert/strict";
import { copyFile, cp, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { manifest } from "../../../scripts/command.mjs";
import { consumer, importPackage, installed, runInConsumer } from "../support.mjs";

test("a program imports the package by its name", async () => {
  const printed = await runInConsumer(`
    import { init, version } from "kelp-stream";
    await init();
    console.log(version());
  `);
  assert.equal(printed, manifest.version);
});

test("importing the package does not load the wasm", async () => {
  const printed = await runInConsumer(`
    WebAssembly.instantiate = WebAssembly.Instance = WebAssembly.Module = undefined;
    await import("kelp-stream");
    console.log("imported");
  `);
  assert.equal(printed, "imported");
});

test("init can be called again after a failure", async () => {
  const printed = await runInConsumer(`
    import { init, version } from "kelp-stream";
    await init(new Uint8Array([1, 2, 3])).catch((error) => console.log(error.name));
    await init();
    console.log(version());
  `);
  assert.equal(printed, `CompileError\n${manifest.version}`);
});

// An engine without SIMD does not accept the module of `js/load.js` that contains it.
test("without WebAssembly SIMD nothing is requested", async () => {
  const printed = await runInConsumer(`
    import { init, openFiler, openUrl } from "kelp-stream";
    const { validate } = WebAssembly;
    WebAssembly.validate = () => false;
    let requests = 0;
    globalThis.fetch = () => { requests++; return Promise.reject(new Error("requested")); };
    for (const call of [() => init(), () => openUrl("http://localhost/file", { size: 1 }), () => openFiler("http://localhost/file")]) {
      const { name, code, message, retryable } = await call().catch((error) => error);
      console.log(name, code, retryable, /SIMD.*Safari 16\\.4/.test(message), requests);
    }
    WebAssembly.validate = validate;
    await init();
    console.log("started");
  `);
  assert.equal(printed, "KelpError unsupported false true 0\n".repeat(3) + "started");
});

test("init accepts a compiled module", async () => {
  const printed = await runInConsumer(`
    import { readFile } from "node:fs/promises";
    import { init, version } from "kelp-stream";
    const path = new URL(import.meta.resolve("kelp-stream/kelp_stream_bg.wasm"));
    await init(await WebAssembly.compile(await readFile(path)));
    console.log(version());
  `);
  assert.equal(printed, manifest.version);
});

test("concurrent calls of init start one module", async () => {
  const { init, version } = await importPackage();
  await Promise.all([init(), init(), init()]);
  assert.equal(version(), manifest.version);
});

test("a bundle needs only the wasm file next to it", async (t) => {
  const folder = await mkdtemp(join(consumer, "bundled-"));
  t.after(() => rm(folder, { recursive: true }));
  const outfile = join(folder, "app.js");
  await build({
    stdin: { contents: `import { init, version } from "kelp-stream"; await init(); export default version();`, resolveDir: consumer },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    logLevel: "silent",
  });
  await copyFile(join(installed, "dist/kelp_stream_bg.wasm"), join(folder, "kelp_stream_bg.wasm"));
  assert.equal((await import(pathToFileURL(outfile))).default, manifest.version);
});

// F111
test("two copies of the package work in one program", async (t) => {
  const folder = await mkdtemp(join(consumer, "copy-"));
  t.after(() => rm(folder, { recursive: true }));
  await cp(installed, folder, { recursive: true });
  const copies = [await importPackage(), await import(pathToFileURL(join(folder, "dist/node.js")))];
  assert.notEqual(copies[0].KelpError, copies[1].KelpError);
  const fetch = async () => new Response("kelp");
  const chunks = [{ urls: ["http://127.0.0.1/1"], offset: 0, size: 4 }];
  const files = await Promise.all(copies.map(({ openManifest }) => openManifest({ size: 4, chunks }, { fetch })));
  files[0].close();
  assert.equal(await files[1].text(), "kelp");
  await assert.rejects(files[0].text(), copies[0].KelpError);
});

test("a lost codec module is unsupported before the first byte", async (t) => {
  const folder = await mkdtemp(join(consumer, "lost-"));
  t.after(() => rm(folder, { recursive: true }));
  await cp(installed, folder, { recursive: true });
  const codec = join(folder, "dist/kelp_stream_codec.wasm");
  await rm(codec);
  const { openManifest } = await import(pathToFileURL(join(folder, "dist/node.js")));
  const fetch = async () => new Response("kelp");
  const chunks = [{ urls: ["http://127.0.0.1/1"], offset: 0, size: 4, md5: "xAxpd54VeAra5GxF60UeIw==" }];
  const file = await openManifest({ size: 4, chunks }, { fetch });
  const error = await file.text().catch((reason) => reason);
  assert.deepEqual([error.name, error.code, error.retryable], ["KelpError", "unsupported", false]);
  assert.match(String(error.cause), /kelp_stream_codec\.wasm/);
  await copyFile(join(installed, "dist/kelp_stream_codec.wasm"), codec);
  assert.equal(await file.text(), "kelp", "the next stream tries again");
});

test("a program ends while workers are idle, and not before they have decoded", async () => {
  const printed = await runInConsumer(`
    import { createCipheriv, randomBytes } from "node:crypto";
    import { openManifest } from "kelp-stream";
    const [key, nonce, plain] = [randomBytes(32), randomBytes(12), randomBytes(4 << 20)];
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    const fetch = async () => new Response(sealed);
    const chunks = [{ urls: ["http://127.0.0.1/1"], offset: 0, size: plain.length, key: new Uint8Array(key) }];
    const file = await openManifest({ size: plain.length, chunks }, { fetch, workers: 1, decoder: "wasm" });
    const bytes = await file.bytes();
    console.log(plain.equals(bytes), file.stats.workers);
  `);
  assert.equal(printed, "true 1");
});
