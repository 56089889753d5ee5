// Damaged bytes on the disk of a volume server. The server detects damage in small chunks that are requested whole. It sends larger
// chunks, and ranges of any chunk, damaged and with status 200.
import assert from "node:assert/strict";
import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { importPackage } from "../package/support.mjs";
import { noise, sha256 } from "../store/index.mjs";
import { chunksOf, MIB, placesOf, readToFailure, sameBytes, volumeIdOf, write } from "./files.mjs";
import { Cluster, skip } from "./weed.mjs";

const CHUNK = 2 * MIB;
const SIZE = 3 * CHUNK;

describe("bytes that rot", { skip, timeout: 100_000 }, () => {
  let cluster, kelp, files = 0;
  before(async () => {
    kelp = await importPackage();
    cluster = await Cluster.start({ readMode: "local" });
  }, { timeout: 60_000 });
  after(() => cluster?.stop());

  const filers = { plain: () => cluster.filer, encrypted: () => cluster.cipherFiler };

  /** A file of three chunks. Of the chunk with this index, this many replicas are damaged, in the order of `places`. */
  async function damaged(kind, index, replicas) {
    const content = noise(`damage ${++files}`, SIZE);
    const url = await write(filers[kind](), `/d/${files}.bin`, content, { maxMB: 2 });
    const chunks = await chunksOf(url);
    assert.deepEqual(chunks.map(({ size }) => size), [CHUNK, CHUNK, CHUNK]);
    const places = await placesOf(cluster, chunks);
    const { urls } = places.get(chunks[index].file_id);
    for (const place of urls.slice(0, replicas)) await damage(place);
    const locate = (fileId) => places.get(fileId);
    return { url, content, urls, chunks, options: { locate, retry: { baseDelay: 10 }, pool: new kelp.Pool() } };
  }

  /** Flips a bit in the middle of a chunk in the file of the volume. */
  async function damage(place) {
    const stored = await bytesOf(place);
    const { origin, pathname } = new URL(place);
    const folder = cluster.folderOf(origin);
    const name = (await readdir(folder)).find((each) => each.endsWith(".dat") && each.replace(/^.*_/, "") === `${volumeIdOf(pathname.slice(1))}.dat`);
    const at = (await readFile(join(folder, name))).indexOf(stored);
    assert.ok(at > 0, "the chunk is in the volume");
    const middle = stored.length >> 1;
    const file = await open(join(folder, name), "r+");
    await file.write(Buffer.of(stored[middle] ^ 1), 0, 1, at + middle);
    await file.close();
    const served = await bytesOf(place);
    assert.equal(served.length, stored.length, "it is still served");
    assert.notEqual(sha256(served), sha256(stored));
  }

  for (const kind of Object.keys(filers)) {
    // F50, F54
    test(`a bad replica is replaced before delivery: ${kind}`, { timeout: 20_000 }, async () => {
      const { url, content, urls, chunks, options } = await damaged(kind, 1, 1);
      // Its server is idle while the other one sends the first chunk, so it gets the request for the second.
      const spared = ({ urls: all }) => ({ urls: all.filter((place) => new URL(place).host !== new URL(urls[0]).host) });
      const locate = (fileId) => (fileId === chunks[0].file_id ? spared(options.locate(fileId)) : options.locate(fileId));
      const file = await kelp.openFiler(url, { ...options, locate });
      const reader = file.stream().getReader();
      const pieces = [(await reader.read()).value];
      // The second chunk arrives while the first is read.
      await arrived(file);
      for (let next; !(next = await reader.read()).done;) pieces.push(next.value);
      sameBytes(Buffer.concat(pieces), content, kind);
      assert.ok(file.stats.failovers > 0, "the other replica was requested");
    });

    test(`strict delivers no byte of a bad replica: ${kind}`, { timeout: 20_000 }, async () => {
      const { url, content, options } = await damaged(kind, 0, 1);
      const file = await kelp.openFiler(url, { ...options, verify: "strict" });
      sameBytes(await file.bytes(), content, kind);
      const [start, end] = [MIB - 5, MIB + 5];
      assert.ok(content.subarray(start, end).equals(await file.bytes({ start, end })), "a range of it");
      assert.ok(file.stats.failovers > 0, "the other replica was requested");
    });

    for (const verify of ["stream", "strict"]) {
      test(`two bad replicas are corrupt with ${verify}: ${kind}`, { timeout: 20_000 }, async () => {
        const { url, content, options } = await damaged(kind, 1, 2);
        for (const locate of [options.locate, "proxy"]) {
          const file = await kelp.openFiler(url, { ...options, verify, locate });
          const { error, bytes } = await readToFailure(file.stream());
          assert.equal(error.code, "corrupt", error.message);
          assert.equal(error.offset, bytes.length);
          assert.ok(bytes.length < 2 * CHUNK, "not all bytes were delivered");
          if (verify === "strict" || kind === "encrypted") assert.ok(content.subarray(0, CHUNK).equals(bytes), "only right bytes were delivered");
        }
      });
    }
  }

  test("the filer sends damaged bytes with status 200", { timeout: 20_000 }, async () => {
    const { url, content } = await damaged("plain", 1, 2);
    const response = await fetch(url);
    assert.equal(response.status, 200);
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.equal(bytes.length, content.length);
    assert.notEqual(sha256(bytes), sha256(content));
  });

  test("the filer breaks the body at a bad encrypted chunk", { timeout: 20_000 }, async () => {
    const { url } = await damaged("encrypted", 1, 2);
    const response = await fetch(url);
    if (response.ok) await assert.rejects(response.arrayBuffer());
    else assert.equal(response.status, 500);
  });
});

async function bytesOf(url) {
  const response = await fetch(url, { headers: { "accept-encoding": "identity" } });
  assert.equal(response.status, 200, url);
  return Buffer.from(await response.arrayBuffer());
}

/** Waits until nothing is in flight, and all that arrived was checked. */
async function arrived(file) {
  while (file.stats.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 10));
}
