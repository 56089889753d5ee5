// Volume servers that are killed while a file is read, and started again.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { importPackage } from "../package/support.mjs";
import { noise, prose } from "../store/index.mjs";
import { MIB, ofEachKind, placesOf, readAround, readToFailure, sameBytes, stored, volumeIdsOf } from "./files.mjs";
import { Cluster, skip } from "./weed.mjs";

const SIZE = 12 * MIB;
describe("volume servers that die", { skip, timeout: 150_000 }, () => {
  let cluster, kelp, files;
  before(async () => {
    kelp = await importPackage();
    // Generated before the first request: SeaweedFS closes connections that are idle for ten seconds.
    const contents = { plain: noise("plain", SIZE), gzip: prose("text", SIZE), encrypted: noise("secret", SIZE) };
    cluster = await Cluster.start({ readMode: "local" });
    files = await ofEachKind(cluster, "/f", contents);
  }, { timeout: 60_000 });
  after(() => cluster?.stop());

  /** Little look-ahead, so that most chunks are not requested yet when a server dies. A new pool, which knows no failures. */
  const near = () => ({ maxBytesAhead: 2 * MIB, retry: { baseDelay: 10 }, pool: new kelp.Pool() });

  // All volume servers run, with all volumes, before each test.
  beforeEach(async () => {
    cluster.startVolumes();
    for (const { chunks } of Object.values(files)) await cluster.replicated(volumeIdsOf(chunks), 2);
  }, { timeout: 20_000 });

  test("the files have the chunks that these tests need", () => {
    const all = (name, condition) => assert.ok(files[name].chunks.length === 12 && files[name].chunks.every(condition), name);
    all("plain", (chunk) => !chunk.is_compressed && !chunk.cipher_key);
    all("gzip", (chunk) => chunk.is_compressed && !chunk.cipher_key);
    all("encrypted", (chunk) => chunk.cipher_key);
  });

  const chunkWays = { "located by a function": (places) => (fileId) => places.get(fileId), "located by the master": () => ({ master: cluster.master }) };
  for (const name of ["plain", "gzip", "encrypted"]) {
    for (const [way, locate] of Object.entries(chunkWays)) {
      // F01
      test(`one server is killed: ${name}, ${way}`, { timeout: 20_000 }, async () => {
        const { url, content, chunks } = files[name];
        const victim = await mostOf(cluster, chunks.slice(4));
        const file = await kelp.openFiler(url, { ...near(), fetch: favouring(victim), locate: locate(await placesOf(cluster, chunks, victim)) });
        const bytes = await readAround(file.stream(), 4 * MIB, () => cluster.killVolume(victim));
        sameBytes(bytes, content, name);
        assert.ok(file.stats.failovers > 0, "it continued at the other replica");
      });
    }

    test(`one server is killed: ${name}, relayed by the filer`, { timeout: 20_000 }, async () => {
      const { url, content, chunks } = files[name];
      const victim = await mostOf(cluster, chunks.slice(4));
      const file = await kelp.openFiler(url, near());
      const bytes = await readAround(file.stream(), 4 * MIB, () => cluster.killVolume(victim));
      sameBytes(bytes, content, name);
    });
  }

  // F35
  test("a chunk of a killed server is resumed at the other replica", { timeout: 20_000 }, async () => {
    const content = Buffer.alloc(24 * MIB, noise("long", 1_000_003));
    const { url, chunks } = await stored(cluster.filer, "/f/long.bin", content, { maxMB: 24 });
    assert.equal(chunks.length, 1);
    const [victim] = await cluster.holders(volumeIdsOf(chunks)[0]);
    const places = await placesOf(cluster, chunks, victim);
    const ranges = [];
    const spy = (input, init) => {
      const request = new Request(input, init);
      ranges.push(request.headers.get("range"));
      return fetch(request);
    };
    const file = await kelp.openFiler(url, { ...near(), fetch: spy, locate: (fileId) => places.get(fileId) });
    const bytes = await readAround(file.stream(), 2 * MIB, () => cluster.killVolume(victim));
    sameBytes(bytes, content, "long");
    const from = Number(/^bytes=(\d+)-/.exec(ranges.at(-1))?.[1]);
    assert.ok(from >= 2 * MIB && from < content.length, `asked for ${ranges.at(-1)}`);
    assert.ok(file.stats.bytesReceived <= content.length + MIB, `received ${file.stats.bytesReceived}`);
  });

  const ways = { ...chunkWays, "relayed by the filer": () => "proxy" };
  for (const [way, locate] of Object.entries(ways)) {
    for (const name of ["plain", "encrypted"]) {
      // F13
      test(`all servers are killed: ${name}, ${way}`, { timeout: 25_000 }, async () => {
        const { url, content, chunks } = files[name];
        const file = await kelp.openFiler(url, { ...near(), locate: locate(await placesOf(cluster, chunks)) });
        const killAll = () => Promise.all(cluster.volumes.map((origin) => cluster.killVolume(origin)));
        const { error, bytes } = await readToFailure(file.stream(), 4 * MIB, killAll);
        assert.ok(["network", "no_locations", "http", "not_found"].includes(error.code), `${error.code}: ${error.message}`);
        assert.equal(error.offset, bytes.length);
        assert.ok(bytes.length >= 4 * MIB && bytes.length < content.length, `${bytes.length} bytes`);
        assert.ok(content.subarray(0, bytes.length).equals(bytes), "the delivered bytes are right");
      });

      // F14
      test(`all servers are killed and restarted: ${name}, ${way}`, { timeout: 25_000 }, async () => {
        const { url, content, chunks } = files[name];
        // Passes for about twenty seconds.
        const retry = { passes: 40, baseDelay: 50, maxDelay: 500 };
        const file = await kelp.openFiler(url, { ...near(), retry, locate: locate(await placesOf(cluster, chunks)) });
        const bytes = await readAround(file.stream(), 4 * MIB, async () => {
          await Promise.all(cluster.volumes.map((origin) => cluster.killVolume(origin)));
          setTimeout(() => cluster.startVolumes(), 500);
        });
        sameBytes(bytes, content, name);
        assert.ok(file.stats.retries + file.stats.failovers > 0, "it retried");
      });
    }
  }
});

/** The server with the most of these chunks. */
async function mostOf(cluster, chunks) {
  const counts = new Map(cluster.volumes.map((origin) => [origin, 0]));
  for (const { urls } of (await placesOf(cluster, chunks)).values()) {
    for (const url of urls) counts.set(new URL(url).origin, counts.get(new URL(url).origin) + 1);
  }
  return cluster.volumes.reduce((most, origin) => (counts.get(origin) > counts.get(most) ? origin : most));
}

/** A `fetch` in which one server is by far the fastest while it runs, so that the package prefers it. */
function favouring(favourite) {
  return async (input, init) => {
    const request = new Request(input, init);
    if (new URL(request.url).origin !== favourite) await sleep(60);
    return fetch(request);
  };
}
