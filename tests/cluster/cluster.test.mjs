// Files that were written to a real SeaweedFS are read with the package.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { importPackage } from "../package/support.mjs";
import { noise, prose, sha256 } from "../store/index.mjs";
import { locator, MIB, readsBack, succeeded, urlOf } from "./files.mjs";
import { Cluster, json, put, skip, weed } from "./weed.mjs";

// A skipped suite does not count as a test. This test shows that the step ran, and why the others did not.
test("weed is installed", { skip }, () => assert.ok(weed()));

/** Files: path, final content, and how they are written. */
const FILES = [
  { path: "/t/one.bin", ...written(noise("one", 5000)) },
  { path: "/t/empty.bin", ...written(Buffer.alloc(0)) },
  { path: "/t/many.bin", ...written(noise("many", 5 * MIB + 12_345)) },
  { path: "/t/small.txt", ...written(prose("small", 40_000), "text/plain") },
  { path: "/t/large.txt", ...written(prose("large", 3 * MIB + 1), "text/plain") },
  { path: "/t/späce & 100% #1 ?日本語 <x>.bin", ...written(noise("odd", 3000)) },
  { path: "/t/sparse.bin", ...patched([["gap1", 20_000, 30_000], ["gap2", 2 * MIB, 100_000]]) },
  { path: "/t/overlap.bin", ...patched([["o1", 0, 100_000], ["o2", 20_000, 30_000], ["o3", 40_000, 30_000], ["o4", 10_000, 50_000], ["o5", 99_000, 5000]]) },
  { path: "/t/append.log", ...appended(["ap1", "ap2", "ap3"], 5337) },
];

describe("a real SeaweedFS", { skip, timeout: 180_000 }, () => {
  let cluster, kelp;
  before(async () => {
    kelp = await importPackage();
    cluster = await Cluster.start();
  }, { timeout: 90_000 });
  after(() => cluster?.stop());

  const filers = { "a filer": () => cluster.filer, "a filer that encrypts": () => cluster.cipherFiler };
  for (const [filer, origin] of Object.entries(filers)) {
    test(`${filer}: files are read, relayed, located and by the master`, { timeout: 60_000 }, async (t) => {
      for (const { path, content, write } of FILES) {
        await t.test(path, { timeout: 20_000 }, async () => {
          const url = urlOf(origin(), path);
          await write(url);
          for (const locate of ["proxy", locator(cluster), { master: cluster.master }]) await readsBack(await kelp.openFiler(url, { locate }), content);
        });
      }
    });

    test(`${filer} and this package agree on size, type, ETag and time`, { timeout: 20_000 }, async () => {
      for (const { path, content } of FILES) {
        const url = urlOf(origin(), path);
        const { headers } = await fetch(url, { method: "HEAD" });
        const file = await kelp.openFiler(url);
        assert.equal(file.size, content.length);
        assert.equal(file.name, path.split("/").at(-1));
        assert.equal(Math.floor(file.lastModified / 1000) * 1000, Date.parse(headers.get("last-modified")));
        // Encrypted chunks have no e_tag, so the ETag of the filer does not identify them, and the package derives one.
        if (origin() === cluster.filer) assert.equal(file.etag, headers.get("etag"), path);
      }
    });
  }

  test("encrypted files are stored encrypted; both decoders work", { timeout: 30_000 }, async () => {
    const { path, content } = FILES.find((file) => file.path === "/t/large.txt");
    const url = urlOf(cluster.cipherFiler, path);
    const { chunks } = await json(`${url}?metadata=true`);
    assert.ok(chunks.length > 1 && chunks.every(({ cipher_key: key }) => key), "every chunk has its key");
    for (const decoder of ["native", "wasm"]) {
      assert.equal(sha256(await (await kelp.openFiler(url, { decoder })).bytes()), sha256(content), decoder);
    }
  });

  test("a missing file is not_found", { timeout: 10_000 }, async () => {
    await assert.rejects(kelp.openFiler(`${cluster.filer}/t/nothing`), { name: "KelpError", code: "not_found" });
  });
});

/** Written with one request. */
function written(content, type) {
  return { content, write: async (url) => succeeded(await put(url, content, { type })) };
}

/** Written by overlapping pieces of noise, [seed, offset, length]. */
function patched(pieces) {
  const content = Buffer.alloc(Math.max(...pieces.map(([, offset, length]) => offset + length)));
  for (const [seed, offset, length] of pieces) noise(seed, length).copy(content, offset);
  return {
    content,
    async write(url) {
      for (const [seed, offset, length] of pieces) await succeeded(await put(`${url}?offset=${offset}`, noise(seed, length)));
    },
  };
}

/** Written by appends. */
function appended(seeds, length) {
  return {
    content: Buffer.concat(seeds.map((seed) => noise(seed, length))),
    async write(url) {
      for (const seed of seeds) await succeeded(await put(`${url}?op=append`, noise(seed, length)));
    },
  };
}
