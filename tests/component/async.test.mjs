// The library component for WASI 0.3, under a host that nobody here wrote, on a Node that has JSPI.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { noise, startStore } from "../store/index.mjs";
import { ASYNC_HOST, Library, urlOf } from "./support.mjs";

describe(ASYNC_HOST.name, { skip: ASYNC_HOST.skip }, () => {
  const it = (name, run, cluster = null) => test(name, { timeout: 30_000 }, async (t) => {
    const store = await startStore({ cluster });
    t.after(() => store.close());
    await run(store, new Library(t, ASYNC_HOST));
  });

  for (const name of ["film", "small-text", "overlap", "tail-gap", "inline"]) {
    it(`${name} is read as it was written, decrypted and inflated`, async (store, library) => {
      const { path, size, sha256 } = store.cases.find((each) => each.name === name);
      const file = await library.openFiler(urlOf(store, path));
      assert.deepEqual([file.error, file.size], [undefined, size]);
      assert.deepEqual(await file.read(), { length: size, sha256, end: true });
    }, "cipher");
  }

  it("several requests are under way at once", async (store, library) => {
    const { path, sha256 } = store.addFile({ path: "/f/wide", bytes: noise("wide", 1 << 20), chunkSize: 1 << 15 });
    store.latency = 150;
    const file = await library.openFiler(urlOf(store, path), {}, { concurrency: 8 });
    assert.equal((await file.read()).sha256, sha256);
    assert.equal(store.peakInFlight, 8);
    assert.equal((await file.plan()).requests, 32);
  });

  it("a stream that cannot be read to its end says so, and what came before is delivered", async (store, library) => {
    const { path } = store.cases.find(({ name }) => name === "missing-chunk");
    const { length, error } = await (await library.openFiler(urlOf(store, path))).read();
    assert.deepEqual([length, error?.code], [512, "not-found"]);
  }, "plain");

  it("what cannot be opened is refused with its code", async (store, library) => {
    assert.equal((await library.openFiler(`${store.filer}/f/none`)).error?.code, "not-found");
    assert.equal((await library.openFiler(store.filer, {}, { "per-host": 0 })).error?.code, "unsupported");
  });
});
