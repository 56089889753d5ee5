// What the gateway keeps in the Cache API, and that it works in workerd, which has none.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { after, test } from "node:test";
import { Response as Reply } from "miniflare";
import { setTimeout as sleep } from "node:timers/promises";
import { chunksOf, closeAll, encoded, get, noise, sha256, startBareGateway, startGateway } from "./support.mjs";

after(closeAll);

const KIB = 1024;

test("an entry without keys is cached for ENTRY_TTL", async () => {
  const { store, origin } = await startGateway(null, { ENTRY_TTL: "1" });
  const entries = () => store.requests.filter(({ url }) => url.includes("metadata=true")).length;
  store.addFile({ path: "/a.bin", bytes: noise("a", 10), chunkSize: 10 });
  store.addFile({ path: "/b.bin", bytes: noise("b", 10), chunkSize: 10, cipher: true });
  await get(`${origin}/a.bin`);
  // The entry is cached after the answer was sent.
  await sleep(100);
  for (let i = 0; i < 3; i++) assert.ok((await get(`${origin}/a.bin`)).bytes.equals(noise("a", 10)));
  assert.equal(entries(), 1);
  await sleep(1100);
  await get(`${origin}/a.bin`);
  assert.equal(entries(), 2);
  store.resetLog();
  for (let i = 0; i < 3; i++) {
    assert.ok((await get(`${origin}/b.bin`)).bytes.equals(noise("b", 10)));
    await sleep(50);
  }
  assert.equal(entries(), 3, "its keys would be in the cache");
});

test("a cached entry whose chunks are gone is fetched again", async () => {
  const { store, origin } = await startGateway(null, { ENTRY_TTL: "600" });
  const { fileIds } = store.addFile({ path: "/a.bin", bytes: noise("a", 10), chunkSize: 10 });
  await get(`${origin}/a.bin`);
  await sleep(100);
  store.addFile({ path: "/a.bin", bytes: noise("b", 10), chunkSize: 10 });
  store.fault({ fileId: fileIds[0] }, { status: 404 });
  const { status, bytes } = await get(`${origin}/a.bin`);
  assert.deepEqual([status, bytes.equals(noise("b", 10))], [200, true]);
});

for (const direct of ["no", "yes"]) test(`chunks are cached for CHUNK_TTL: DIRECT = ${direct}`, async () => {
  const { store, origin } = await startGateway(null, { CHUNK_TTL: "600", DIRECT: direct });
  for (const cipher of [false, true]) {
    const path = `/${cipher}.bin`;
    const { sha256: right } = store.addFile({ path, bytes: noise(path, 64 * KIB), chunkSize: 16 * KIB, cipher });
    assert.equal(sha256((await get(origin + path)).bytes), right);
    await sleep(100);
    store.resetLog();
    assert.equal(sha256((await get(origin + path)).bytes), right);
    const { status, bytes } = await get(origin + path, { headers: { range: "bytes=20000-20009" } });
    assert.deepEqual([status, bytes.equals(noise(path, 64 * KIB).subarray(20000, 20010))], [206, true]);
    assert.equal(chunksOf(store).length, 0, path);
  }
});

const KEPT = { CHUNK_TTL: "600" };
const UNCHECKED = [KEPT, { ...KEPT, VERIFY: "off", DIRECT: "no" }, { ...KEPT, DIRECT: "yes" }];
const fromVolumes = ({ master, volumes }) => ({ MASTER: master, ALLOWED_ORIGINS: volumes.join() });
/** Where the gateway keeps a chunk. */
const keyOf = ({ filer }, fileId) => `https://chunks.kelp-stream.invalid/${new URL(filer).host}/${fileId}`;
/** The SHA-256 of the answer, or "broken". */
const outcome = (url, headers) => get(url, { headers }).then(({ status, bytes }) => (status < 300 ? sha256(bytes) : status), () => "broken");

// F164
test("a truncated body is not kept", async () => {
  for (const vars of UNCHECKED) {
    for (const cipher of [false, true]) {
      const { store, origin, worker } = await startGateway(null, vars);
      const { sha256: right, fileIds } = store.addFile({ path: "/f.bin", bytes: noise("f", 40 * KIB), chunkSize: 40 * KIB, cipher });
      for (const action of [{ status: 200, body: noise("f", 100) }, { cut: 100 }, { end: 100 }, { status: 200, body: "" }]) {
        // The core continues a body that breaks: once is enough.
        const fault = store.fault({ fileId: fileIds[0], ...(action.status ? {} : { times: 1 }) }, action);
        assert.ok([right, 502, "broken"].includes(await outcome(`${origin}/f.bin`)), JSON.stringify([vars, cipher, action]));
        fault.remove();
        await sleep(100);
        store.resetLog();
        assert.equal(await outcome(`${origin}/f.bin`), right, JSON.stringify([vars, cipher, action]));
        await sleep(100);
        assert.equal(await outcome(`${origin}/f.bin`), right);
        assert.ok(chunksOf(store).length <= 1, `the right body is kept: ${JSON.stringify([vars, cipher, action])}`);
        await (await (await worker.getCaches()).open("kelp-stream")).delete(keyOf(store, fileIds[0]));
      }
    }
  }
});

// F165
test("a corrupt replica does not stand for all replicas", async () => {
  for (const vars of UNCHECKED) {
    for (const about of [{}, { cipher: true }, { eTag: false }]) {
      const { store, origin } = await startGateway(null, (store) => ({ ...fromVolumes(store), ...vars }));
      const { sha256: right, fileIds } = store.addFile({ path: "/f.bin", bytes: noise("f", 40 * KIB), chunkSize: 40 * KIB, replicas: [0, 1], ...about });
      const fault = store.fault({ fileId: fileIds[0], server: "volume0" }, { corrupt: 50 });
      const seen = [];
      for (let i = 0; i < 6; i++) {
        seen.push(await outcome(`${origin}/f.bin`));
        await sleep(50);
      }
      // Plain chunks are sent while they are checked, if they are.
      if (about.cipher) assert.deepEqual(new Set(seen), new Set([right]), JSON.stringify(vars));
      fault.remove();
      if (about.eTag === false) continue;
      assert.equal(await outcome(`${origin}/f.bin`), right, JSON.stringify([vars, about]));
      assert.equal(await outcome(`${origin}/f.bin`, { range: "bytes=0-" }), right, JSON.stringify([vars, about]));
    }
  }
});

// F166
test("a wrong body in the cache is replaced by a server's", async () => {
  for (const vars of [KEPT, { ...KEPT, DIRECT: "yes" }]) {
    for (const cipher of [false, true]) {
      const { store, origin, worker } = await startGateway(null, vars);
      const bytes = noise("f", 40 * KIB);
      const { sha256: right, fileIds } = store.addFile({ path: "/f.bin", bytes, chunkSize: 40 * KIB, cipher });
      const cache = await (await worker.getCaches()).open("kelp-stream");
      // Of the right length only what the core reads can be found out.
      for (const length of vars.DIRECT && !cipher ? [100] : [100, 40 * KIB + (cipher ? 28 : 0)]) {
        await cache.put(keyOf(store, fileIds[0]), new Reply(noise("x", length), { headers: { "cache-control": "max-age=600", "content-length": String(length) } }));
        for (const headers of [{}, { range: "bytes=10-90" }].slice(0, length === 100 ? 2 : 1)) {
          const { status, bytes: body } = await get(`${origin}/f.bin`, { headers });
          assert.ok(body.equals(headers.range ? bytes.subarray(10, 91) : bytes), `${status} ${JSON.stringify([vars, cipher, length, headers])}`);
        }
        await sleep(100);
        store.resetLog();
        assert.equal(await outcome(`${origin}/f.bin`), right);
        assert.equal(chunksOf(store).length, 0, "the right body was kept");
      }
    }
  }
});

// F174
test("an entry that is too long is not read", async () => {
  const { store, origin } = await startGateway(null);
  const { entry } = store.addFile({ path: "/f.bin", bytes: noise("f", 10), chunkSize: 10 });
  store.addEntry("/f.bin", entry.replace('"UserName":""', `"UserName":"${"x".repeat(9 * KIB * KIB)}"`));
  const { status } = await get(`${origin}/f.bin`);
  assert.equal(status, 507);
});

test("workerd without a Cache API serves the same files", { timeout: 60_000 }, async () => {
  for (const vars of [{}, { DIRECT: "yes" }]) {
    const { store, origin } = await startBareGateway("cipher", { SUBREQUESTS: "5000", ...vars });
    for (const { name, path, size, sha256: right, ranges, expect } of store.cases) {
      if (expect || !right || (size > 600_000 && name !== "film") || (vars.DIRECT && size > 600_000)) continue;
      const { status, headers, bytes } = await get(origin + encoded(path));
      assert.deepEqual([status, headers.get("content-length"), sha256(bytes)], [200, String(size), right], name);
      for (const { start, end, sha256: part } of ranges.filter(({ start, end }) => start < end && start < size).slice(0, 3)) {
        assert.equal(sha256((await get(origin + encoded(path), { headers: { range: `bytes=${start}-${end - 1}` } })).bytes), part, name);
      }
    }
    const { fileIds } = store.addFile({ path: "/slow.bin", bytes: noise("s", 64 * KIB), chunkSize: 16 * KIB });
    store.fault({ fileId: fileIds[3] }, { latency: 1000 });
    const started = performance.now();
    const [response] = await once(request(`${origin}/slow.bin`).end(), "response");
    const [first] = await once(response, "data");
    assert.ok(first.length > 0 && performance.now() - started < 800, "the first bytes do not wait for the last");
    response.resume();
    await once(response, "end");
  }
});
