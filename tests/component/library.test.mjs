// The library component under jco and wasmtime, with the stand-in.
import assert from "node:assert/strict";
import { createServer, get } from "node:http";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { noise, parseEntry, sha256, startStore } from "../store/index.mjs";
import { becomes, Library, LIBRARY_HOSTS, urlOf } from "./support.mjs";

/** Files that cannot be read whole: the code of the error. */
const BROKEN = {
  "remote-only": "http", "missing-chunk": "not-found", "bad-etag": "corrupt", "short-chunk": "short-body", "missing-manifest": "not-found", "bad-manifest": "manifest",
};
/** Reading it whole takes ten thousand requests: smaller parts are enough. */
const LONG = "manifest";

/** The cases of a host that makes one call at a time, each in its own instance. */
const FEW = ["film", "small-text", "overlap", "tail-gap", "inline"];

const QUICK = { retry: { passes: 2, "base-delay": 10, "max-delay": 20 } };
const SIZE = 1 << 20;

// The keys of objects of the S3 gateway.
const keysOf = ({ key }) => ({
  "customer-key": key?.sseC && { bytes: key.sseC }, kek: key?.sseS3Kek && { bytes: Buffer.from(key.sseS3Kek, "hex").toString("base64") },
});

for (const host of LIBRARY_HOSTS) {
  describe(host.name, { skip: host.skip }, () => {
    const it = (name, run, { cluster = null, needs } = {}) => test(name, { timeout: 60_000, skip: host.cannot[needs] ?? false }, async (t) => {
      const store = await startStore({ cluster });
      t.after(() => store.close());
      await run(store, new Library(t, host));
    });

    for (const cluster of ["plain", "cipher", "s3"]) {
      it(`${cluster}: every captured file is read, whole and in ranges`, async (store, library) => {
        for (const { name, path, size, sha256: whole, ranges = [], ...about } of store.cases.filter(({ name }) => !BROKEN[name])) {
          const file = await library.openFiler(urlOf(store, path), keysOf(about));
          assert.equal(file.error, undefined, name);
          assert.equal(file.size, size, name);
          const parts = ranges.filter(({ start, end }) => end - start <= host.most && (name !== LONG || end - start < 100_000));
          for (const { start, end, sha256: right } of name === LONG ? parts : [{ start: 0, end: size, sha256: whole }, ...parts]) {
            const read = await file.read({ start, end });
            assert.deepEqual(read, { length: end - start, sha256: right, end: true }, `${name} ${start}..${end}`);
          }
          await file.drop();
        }
      }, { cluster, needs: "calls" });
    }

    for (const wanted of host.cannot.calls ? FEW : []) {
      it(`cipher: ${wanted} is read`, async (store, library) => {
        const { path, size, sha256: right } = store.cases.find(({ name }) => name === wanted);
        const file = await library.openFiler(urlOf(store, path));
        assert.deepEqual([file.error, file.size], [undefined, size]);
        assert.deepEqual(await file.read(), { length: size, sha256: right, end: true });
      }, { cluster: "cipher" });
    }

    for (const cluster of ["plain", "cipher"]) {
      it(`${cluster}: unreadable files end with their code`, async (store, library) => {
        for (const { name, path } of store.cases.filter(({ name }) => BROKEN[name])) {
          const file = await library.openFiler(urlOf(store, path), {}, QUICK);
          const { error } = file.error ? file : await file.read();
          assert.equal(error?.code, BROKEN[name], name);
          assert.equal(typeof error.message, "string", name);
        }
      }, { cluster, needs: "calls" });
    }

    it("bytes before a missing chunk are delivered", async (store, library) => {
      const { path } = store.cases.find(({ name }) => name === "missing-chunk");
      const { length, error } = await (await library.openFiler(urlOf(store, path), {}, QUICK)).read();
      assert.deepEqual([length, error?.code], [512, "not-found"]);
    }, { cluster: "plain" });

    it("several requests are in flight concurrently", async (store, library) => {
      const { path, sha256: right } = store.addFile({ path: "/f/wide", bytes: noise("wide", SIZE), chunkSize: SIZE / 32 });
      store.latency = 150;
      const file = await library.openFiler(urlOf(store, path), {}, { concurrency: 8 });
      assert.equal((await file.read()).sha256, right);
      assert.equal(store.peakInFlight, 8);
      assert.equal((await file.plan()).requests, 32);
      assert.equal((await file.stats()).requests, 32);
    });

    it("nothing is requested before the first read", async (store, library) => {
      const { path } = store.addFile({ path: "/f/lazy", bytes: noise("lazy", SIZE), chunkSize: SIZE });
      const file = await library.openFiler(urlOf(store, path));
      const body = await file.body();
      await file.stats();
      await body.drop();
      await file.stats();
      assert.deepEqual(store.requests.map(({ fileId }) => fileId ?? null), [null]);
    });

    it("dropping a body cancels its requests", async (store, library) => {
      const { path } = store.addFile({ path: "/f/long", bytes: noise("long", 8 * SIZE), chunkSize: SIZE });
      store.rate = 200_000;
      const file = await library.openFiler(urlOf(store, path), {}, { concurrency: 4, hedge: false });
      const body = await file.body();
      assert.equal((await body.read({ most: 1, max: 10 })).length, 10);
      assert.ok(await becomes(() => store.inFlight === 4), `${store.inFlight} requests are open`);
      await body.drop();
      assert.ok(await becomes(() => store.inFlight === 0), `${store.inFlight} requests are still open`);
      assert.equal(store.requests.filter(({ fileId, state }) => fileId && state === "aborted").length, 4);
    }, { needs: "cancel" });

    it("a stream dropped before its end has no success", async (store, library) => {
      const { path } = store.addFile({ path: "/f/dropped", bytes: noise("dropped", SIZE), chunkSize: SIZE / 4 });
      const file = await library.openFiler(urlOf(store, path));
      const body = await file.body();
      await body.read({ most: 1, max: 10 });
      await body.drop();
      assert.equal((await body.outcome()).error?.code, "closed");
    }, { needs: "outcome" });

    it("dropping a file closes its bodies", async (store, library) => {
      const { path } = store.addFile({ path: "/f/closed", bytes: noise("closed", SIZE), chunkSize: SIZE / 4 });
      const file = await library.openFiler(urlOf(store, path));
      const body = await file.body();
      await body.read({ most: 1, max: 10 });
      await file.drop();
      assert.equal((await body.read()).error?.code, "closed");
    });

    it("a dead replica is replaced by one that the master names", async (store, library) => {
      const { path, sha256: right } = store.addFile({ path: "/f/two", bytes: noise("two", SIZE), chunkSize: SIZE / 8, replicas: [0, 1] });
      store.fault({ server: "volume0" }, { status: 500 });
      const file = await library.openFiler(urlOf(store, path), { masters: [store.master] }, QUICK);
      assert.equal((await file.read()).sha256, right);
      assert.ok((await file.stats()).failovers > 0);
    });

    it("a redirect to another server is followed", async (store, library) => {
      const { path, fileIds, sha256: right } = store.addFile({ path: "/f/moved", bytes: noise("moved", SIZE), chunkSize: SIZE, replicas: [1] });
      store.fault({ server: "filer", fileId: fileIds[0] }, { redirect: `${store.volumes[1]}/${fileIds[0]}` });
      const file = await library.openFiler(urlOf(store, path));
      assert.equal((await file.read()).sha256, right);
      assert.ok(store.requests.some(({ server }) => server === "volume1"));
    });

    it("a manifest of compressed and encrypted chunks is read", async (store, library) => {
      const bytes = Buffer.from("kelp ".repeat(SIZE / 5));
      const { entry, sha256: right } = store.addFile({ path: "/f/sealed", bytes, chunkSize: SIZE / 4, gzip: true, cipher: true });
      const chunks = parseEntry(entry).chunks.map(({ file_id, offset = 0, size, cipher_key }) => ({
        urls: [`${store.volumes[0]}/${file_id}`], offset: { u64: Number(offset) }, size: { u64: size }, compression: "gzip", key: { bytes: cipher_key }, modified: { u64: 0 },
      }));
      const file = await library.open("openManifest", { size: { u64: bytes.length }, name: "sealed", chunks }, {});
      assert.equal((await file.read()).sha256, right);
    });

    it("one URL is read in ranges", async (store, library) => {
      const bytes = noise("one", SIZE);
      const { path } = store.addFile({ path: "/f/one", bytes, chunkSize: SIZE / 4 });
      const one = await library.open("openUrl", urlOf(store, path), { "chunk-size": { u64: 100_000 } }, {});
      assert.equal(one.size, bytes.length);
      assert.equal((await one.plan({ start: 50_000, end: 350_000 })).requests, 4);
      const read = await one.read({ start: 50_000, end: 350_000 });
      assert.equal(read.sha256, sha256(bytes.subarray(50_000, 350_000)));
    });

    it("a content encoding of a server is decoded", async (store, library) => {
      const bytes = Buffer.from("kelp ".repeat(SIZE / 5));
      store.fault({ path: "/f/packed" }, { status: 200, body: gzipSync(bytes), headers: { "Content-Encoding": "gzip" } });
      const read = await (await library.open("openUrl", `${store.filer}/f/packed`, {}, QUICK)).read();
      assert.deepEqual([read.length, read.sha256], [bytes.length, sha256(bytes)]);
    });

    it("a broken or unknown content encoding is an error", async (store, library) => {
      const bytes = Buffer.from("kelp ".repeat(SIZE / 5));
      const open = () => library.open("openUrl", `${store.filer}/f/packed`, {}, QUICK);
      const cut = store.fault({ path: "/f/packed" }, { status: 200, body: gzipSync(bytes).subarray(0, -9), headers: { "Content-Encoding": "gzip" } });
      assert.equal((await open()).error?.code, "network");
      cut.remove();
      store.fault({ path: "/f/packed" }, { status: 200, body: bytes, headers: { "Content-Encoding": "br" } });
      assert.equal((await open()).error?.code, "network");
    });

    it("a given entry is opened without a request", async (store, library) => {
      const { entry, sha256: right } = store.addFile({ path: "/f/known", bytes: noise("known", SIZE), chunkSize: SIZE / 2 });
      const lost = await library.open("openEntry", entry, null, {}, {});
      assert.equal(lost.error.code, "no-locations");
      const file = await library.open("openEntry", entry, store.filer, {}, {});
      assert.equal(store.requests.length, 0);
      assert.equal((await file.read()).sha256, right);
    });

    it("a filer below a path is read there", async (store, library) => {
      const { path, entry, sha256: right } = store.addFile({ path: "/f/below", bytes: noise("below", SIZE), chunkSize: SIZE / 2 });
      const proxy = createServer((request, response) => {
        const target = request.url.startsWith("/files/") ? request.url.slice("/files".length) : "/none";
        get(store.filer + target, { headers: { range: request.headers.range ?? [] } }, (answer) => {
          response.writeHead(answer.statusCode, answer.headers);
          answer.pipe(response);
        });
      });
      await new Promise((listening) => proxy.listen(0, "127.0.0.1", listening));
      const base = `http://127.0.0.1:${proxy.address().port}/files/`;
      try {
        for (const file of [
          await library.openFiler(base + path.slice(1), { base }),
          await library.open("openEntry", entry, base, {}, {}),
          await library.open("openEntry", entry, null, { base }, {}),
        ]) {
          assert.equal((await file.read()).sha256, right);
        }
        const { error } = await library.openFiler(`${store.filer}${path}`, { base });
        assert.deepEqual([error?.code, /below/.test(error?.message)], ["unsupported", true]);
      } finally {
        proxy.close();
        proxy.closeAllConnections();
      }
    });

    it("the error of a wrong argument names the field", async (store, library) => {
      for (const [options, named] of [[{ "per-host": 0 }, /^per-host /], [{ headers: [["host", "evil"]] }, /^headers /], [{ retry: { passes: 101 } }, /^retry\.passes /]]) {
        const { error } = await library.openFiler(store.filer, {}, options);
        assert.equal(error?.code, "unsupported");
        assert.match(error.message, named);
      }
      const { error } = await library.open("openManifest", { size: { u64: 1 }, name: "", chunks: [{ urls: [], offset: { u64: 0 }, size: { u64: 1 }, modified: { u64: 0 } }] }, {});
      assert.equal(error.code, "manifest");
      assert.match(error.message, /urls/);
      assert.equal(store.requests.length, 0);
    });

    it("a token is sent to the filer, and is in no error", async (store, library) => {
      const { path } = store.addFile({ path: "/f/secret", bytes: noise("secret", 1000), chunkSize: 1000 });
      store.fault({ server: "filer" }, { status: 403 });
      const { error } = await library.openFiler(urlOf(store, path), { token: "t0p.s3cr.et" }, QUICK);
      assert.equal(error.code, "unauthorized");
      assert.ok(!JSON.stringify(error).includes("s3cr"));
    });
  });
}
