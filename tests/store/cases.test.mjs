// The filer of the stand-in serves the captured files as the real filer did.
import assert from "node:assert/strict";
import { test } from "node:test";
import { goJson } from "./entry.mjs";
import { parseEntry, sha256, startStore, urlOf } from "./index.mjs";

for (const cluster of ["plain", "cipher", "s3"]) {
  test(`${cluster}: every captured file is served as by the filer`, { timeout: 30_000 }, async (t) => {
    const store = await startStore({ cluster });
    t.after(() => store.close());
    for (const { path, name, filer } of store.cases) {
      if (!filer) continue;
      if (filer.error) await assert.rejects(bytesOf(urlOf(store, path)), TypeError, name);
      else assert.equal(sha256(await bytesOf(urlOf(store, path))), filer.sha256, name);
    }
  });

  test(`${cluster}: every captured range is served as by the filer`, { timeout: 30_000 }, async (t) => {
    const store = await startStore({ cluster });
    t.after(() => store.close());
    for (const { path, name, filer, ranges = [] } of store.cases) {
      if (!filer?.same) continue;
      for (const { start, end, sha256: right } of ranges) {
        const bytes = await bytesOf(urlOf(store, path), { range: `bytes=${start}-${end - 1}` });
        assert.equal(sha256(bytes), right, `${name} ${start}-${end}`);
      }
    }
  });
}

test("with replicas: 2 both servers of a chunk serve it", { timeout: 30_000 }, async (t) => {
  const store = await startStore({ cluster: "cipher", volumes: 3, replicas: 2 });
  t.after(() => store.close());
  assert.equal(store.volumes.length, 3);
  const servers = new Set();
  for (const { file_id } of await chunksOf(store, "/d/film.webm")) {
    const { locations } = await (await fetch(`${store.master}/dir/lookup?volumeId=${file_id.split(",")[0]}`)).json();
    const digests = await Promise.all(locations.map(async ({ url }) => sha256(await bytesOf(`http://${url}/${file_id}`))));
    assert.deepEqual([locations.length, new Set(digests).size], [2, 1], file_id);
    for (const { url } of locations) servers.add(url);
  }
  assert.equal(servers.size, 3);
  assert.equal((await fetch(`${store.filer}/d/missing-chunk.bin`)).status, 500);
});

const chunksOf = async (store, path) => (await (await fetch(`${store.filer}${path}?metadata=true`)).json()).chunks;

// Files that cannot be read: tests/fixtures/README.md, last point.
test("plain and cipher: broken files break as at the real filer", { timeout: 30_000 }, async (t) => {
  for (const cluster of ["plain", "cipher"]) {
    const store = await startStore({ cluster });
    t.after(() => store.close());
    assert.equal((await fetch(`${store.filer}/d/missing-chunk.bin`)).status, 500);
    assert.equal((await fetch(`${store.filer}/d/bad-etag.bin`)).status, 200);
    await assert.rejects(fetch(`${store.filer}/d/missing-manifest.bin`), TypeError);
    await assert.rejects(fetch(`${store.filer}/d/bad-manifest.bin`), TypeError);
    await assert.rejects(bytesOf(`${store.filer}/d/short-chunk.bin`), TypeError);
  }
});

test("a directory is listed as JSON in pages of unchanged entries", { timeout: 10_000 }, async (t) => {
  const store = await startStore();
  t.after(() => store.close());
  const names = [];
  for (let last = "", more = true; more;) {
    const url = `${store.filer}/d/?limit=10&lastFileName=${encodeURIComponent(last)}`;
    const text = await (await fetch(url, { headers: { accept: "application/json" } })).text();
    const page = JSON.parse(text);
    for (const { FullPath } of page.Entries) {
      assert.ok(text.includes(await (await fetch(`${urlOf(store, FullPath)}?metadata=true`)).text()), FullPath);
      names.push(FullPath);
    }
    ({ LastFileName: last, ShouldDisplayLoadMore: more } = page);
  }
  assert.deepEqual(names.toSorted(), store.cases.map(({ path }) => path).toSorted());
  const root = await fetch(store.filer, { headers: { accept: "application/json" } });
  assert.deepEqual((await root.json()).Entries.map(({ FullPath }) => FullPath), ["/d"]);
  const html = await fetch(`${store.filer}/d/`);
  assert.match(html.headers.get("content-type"), /text\/html/);
  await html.text();
});

test("parsing and writing an entry does not change its text", { timeout: 10_000 }, async (t) => {
  for (const cluster of ["plain", "cipher", "s3"]) {
    const store = await startStore({ cluster });
    t.after(() => store.close());
    for (const { path, name } of store.cases) {
      const text = await (await fetch(`${urlOf(store, path)}?metadata=true`)).text();
      assert.equal(goJson(parseEntry(text)), text, name);
    }
  }
});

test("resolveManifest=true lists the chunks of manifests", { timeout: 10_000 }, async (t) => {
  const store = await startStore();
  t.after(() => store.close());
  const resolved = (name) => fetch(`${store.filer}/d/${name}?metadata=true&resolveManifest=true`);
  const { chunks, FileSize } = parseEntry(await (await resolved("nested.bin")).text());
  assert.equal(chunks.length, 1001);
  assert.equal(FileSize, 512000);
  assert.ok(chunks.every(({ is_chunk_manifest, file_id, e_tag }) => !is_chunk_manifest && file_id && e_tag));
  const broken = await resolved("bad-manifest.bin");
  assert.equal(broken.status, 500);
  assert.match((await broken.json()).error, /^failed to resolve chunk manifest, err: /);
  const plain = await (await resolved("one.bin")).text();
  assert.equal(plain, await (await fetch(`${store.filer}/d/one.bin?metadata=true`)).text());
});

async function bytesOf(url, headers = {}) {
  const response = await fetch(url, { headers });
  return Buffer.from(await response.arrayBuffer());
}
