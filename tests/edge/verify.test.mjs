// What the gateway checks of plain chunks.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { chunksOf, closeAll, encoded, get, noise, sha256, startGateway } from "./support.mjs";

after(closeAll);

const KIB = 1024;

/** The outcome of a download: the SHA-256 of the bytes, or "broken". */
const outcome = (url) => get(url).then(({ bytes }) => sha256(bytes), () => "broken");

test("with transit the checksum of the volume server counts", async () => {
  for (const [VERIFY, isServed] of [["stream", false], ["strict", false], ["transit", true], ["off", true]]) {
    const { store, origin } = await startGateway("plain", { VERIFY });
    // Its chunk is right, and its MD5 in the metadata is wrong.
    const { path } = store.cases.find(({ name }) => name === "bad-etag");
    const { status, bytes } = await get(origin + encoded(path)).catch(() => ({}));
    assert.equal(status === 200 && bytes.length > 0, isServed, VERIFY);
  }
});

test("with transit, damage on the way breaks the body", async () => {
  for (const vars of [{}, { CHUNK_TTL: "600" }]) {
    const { store, origin } = await startGateway(null, { VERIFY: "transit", ...vars });
    const { fileIds } = store.addFile({ path: "/f.bin", bytes: noise("transit", 900 * KIB), chunkSize: 300 * KIB });
    const fault = store.fault({ fileId: fileIds[1] }, { corrupt: 5 });
    assert.equal(await outcome(`${origin}/f.bin`), "broken");
    fault.remove();
  }
});

test("with transit a cached chunk keeps its checksum", async () => {
  // Without a right MD5, only the checksum can be what was checked.
  const { store, origin } = await startGateway("plain", { VERIFY: "transit", CHUNK_TTL: "600" });
  const { path } = store.cases.find(({ name }) => name === "bad-etag");
  const first = await get(origin + encoded(path));
  const asked = chunksOf(store).length;
  const second = await get(origin + encoded(path));
  assert.equal(chunksOf(store).length, asked, "the chunk comes from the cache");
  assert.ok(first.bytes.length > 0 && second.bytes.equals(first.bytes));
});
