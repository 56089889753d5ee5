// The second module, with what few pages need.
import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { copyFile, cp, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { consumer, installed } from "../support.mjs";

const MORE = "dist/kelp_stream_more.wasm";

/** Imports a copy of the package without the second module. */
async function importWithout(t) {
  const folder = await mkdtemp(join(consumer, "more-"));
  t.after(() => rm(folder, { recursive: true }));
  await cp(installed, folder, { recursive: true });
  await rm(join(folder, MORE));
  return { folder, ...(await import(pathToFileURL(join(folder, "dist/node.js")))) };
}

const KEY = Buffer.alloc(32, 7);

function sealed(text) {
  const nonce = Buffer.alloc(12, 1);
  const cipher = createCipheriv("aes-256-gcm", KEY, nonce);
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

const chunk = (file_id, offset, size, more = {}) => ({ file_id, offset, size, modified_ts_ns: 1, ...more });

/** A filer with one file: plain, empty between 4 and 6, overwritten, encrypted. The first answer for each chunk is a failure. */
function filer() {
  const blobs = { "1,01": "kelp", "1,02": "xxxx", "1,03": "is", "1,04": sealed("green") };
  const chunks = [
    chunk("1,01", 0, 4), chunk("1,02", 6, 4), chunk("1,03", 7, 2, { modified_ts_ns: 2 }), chunk("1,04", 10, 5, { cipher_key: KEY.toString("base64") }),
  ].map((each) => ({ ...each, file_id: `${each.file_id}00000001` }));
  const asked = new Set();
  return async (url, { headers } = {}) => {
    if (url.endsWith("metadata=true")) return Response.json({ FullPath: "/a.txt", FileSize: 15, chunks });
    const id = /(\d,\d\d)00000001/.exec(decodeURIComponent(url))[1];
    if (!asked.has(id)) {
      asked.add(id);
      return new Response(null, { status: 503 });
    }
    const [, start, end] = /^bytes=(\d+)-(\d*)/.exec(headers.get("range")) ?? [];
    if (start === undefined) return new Response(blobs[id]);
    const part = blobs[id].slice(Number(start), Number(end) + 1);
    return new Response(part, { status: 206, headers: { "content-range": `bytes ${start}-${end}/${blobs[id].length}` } });
  };
}

// F161
test("a file of a filer is read without the second module", async (t) => {
  const { openFiler } = await importWithout(t);
  const file = await openFiler("http://filer.example/a.txt", { fetch: filer(), retry: { baseDelay: 1 }, onProgress() {} });
  assert.equal(file.plan().views, 5);
  assert.equal(await file.text(), "kelp\0\0xisxgreen");
  assert.ok(file.etag && file.stats.retries > 0);
  assert.equal(await file.text({ start: 7, end: 9 }), "is");
  file.close();
  await assert.rejects(file.text(), { code: "closed" });
  const gone = openFiler("http://filer.example/b.txt", { fetch: async () => new Response(null, { status: 404 }) });
  await assert.rejects(gone, { code: "not_found" });
});

// F161
test("without the second module what needs it fails, and is tried again", async (t) => {
  const { folder, openFiler, openUrl, openManifest } = await importWithout(t);
  const fetch = async () => new Response("kelp", { headers: { "content-length": "4" } });
  const lost = /kelp_stream_more\.wasm/;
  const file = await openFiler("http://filer.example/a.txt", { fetch: filer(), retry: { baseDelay: 1 } });
  await assert.rejects(file.response(), lost);
  await assert.rejects(openUrl("http://server.example/a", { fetch }), lost);
  await assert.rejects(openManifest({ size: 0, chunks: [] }), lost);
  await assert.rejects(openFiler("http://filer.example/a.txt", { fetch: filer(), onEvent() {} }), lost);
  const parts = [{ ...chunk("1,0100000001", 0, 4), is_chunk_manifest: true }];
  const entry = async () => Response.json({ FullPath: "/a", FileSize: 4, chunks: parts });
  const error = await openFiler("http://filer.example/a", { fetch: entry }).catch((reason) => reason);
  assert.deepEqual([error.name, error.code, error.retryable], ["KelpError", "network", true]);
  assert.match(String(error.cause), lost);
  await copyFile(join(installed, MORE), join(folder, MORE));
  assert.equal(await (await openUrl("http://server.example/a", { fetch })).text(), "kelp");
  assert.equal((await file.response()).status, 200);
});

// F161
test("modules of two builds are not linked", async () => {
  const { readFile } = await import("node:fs/promises");
  const [first, second] = await Promise.all(["bg", "more"].map((name) => readFile(join(installed, `dist/kelp_stream_${name}.wasm`))));
  const exported = WebAssembly.Module.exports(new WebAssembly.Module(first));
  const imported = WebAssembly.Module.imports(new WebAssembly.Module(second)).filter(({ module }) => module === "b");
  const memory = (list) => list.filter(({ kind }) => kind === "memory").map(({ name }) => name);
  assert.match(memory(imported)[0], /^[0-9a-f]{8}$/);
  assert.ok(memory(exported).includes(memory(imported)[0]), "the name is a digest of what the second module calls");
  for (const { name, kind } of imported) assert.ok(exported.some((other) => other.name === name && other.kind === kind), name);
});
