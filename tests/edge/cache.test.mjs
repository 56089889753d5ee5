// What the gateway keeps in the Cache API, and that it works in workerd, which has none.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { after, test } from "node:test";
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
