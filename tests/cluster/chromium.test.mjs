// A page in Chromium that reads from a real SeaweedFS of another origin.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, importPackage, launchChromium, servePackage } from "../package/support.mjs";
import { noise, prose, sha256 } from "../store/index.mjs";
import { MIB, ofEachKind, placesOf } from "./files.mjs";
import { Cluster, skip } from "./weed.mjs";

const SIZE = 6 * MIB + 321;

describe("a page and a real SeaweedFS", { skip, timeout: 90_000 }, () => {
  let cluster, page, files, uncaught;
  before(async () => {
    await importPackage();
    const contents = { plain: noise("page", SIZE), gzip: prose("page", SIZE), encrypted: noise("page secret", SIZE) };
    cluster = await Cluster.start({ readMode: "local" });
    files = await ofEachKind(cluster, "/p", contents);
    const origin = await servePackage();
    page = await (await launchChromium()).newPage();
    uncaught = [];
    page.on("pageerror", (error) => uncaught.push(error.message));
    await page.exposeFunction("killVolume", (victim) => cluster.killVolume(victim));
    await page.goto(`${origin}/`);
  }, { timeout: 80_000 });
  after(async () => {
    await closeAll();
    await cluster?.stop();
  });

  /** Reads a file in the page: relayed by the filer, or from the servers that held its chunks before. */
  async function read(name, { located = null, range = {}, victim = null } = {}) {
    const places = located && Object.fromEntries(await placesOf(cluster, files[name].chunks, victim));
    return page.evaluate(readInPage, { url: files[name].url, places, range, victim, killAt: 2 * MIB });
  }

  for (const name of ["plain", "gzip", "encrypted"]) {
    for (const located of [false, true]) {
      test(`${name}, ${located ? "from the volume servers" : "relayed by the filer"}: whole and in ranges`, { timeout: 20_000 }, async () => {
        const { content } = files[name];
        assert.equal((await read(name, { located })).digest, sha256(content));
        for (const range of [{ start: 0, end: 10 }, { start: MIB - 5, end: MIB + 5 }, { start: SIZE - 1000, end: SIZE }, { start: 100_001, end: 3 * MIB }]) {
          assert.equal((await read(name, { located, range })).digest, sha256(content.subarray(range.start, range.end)), JSON.stringify(range));
        }
        assert.deepEqual(uncaught, []);
      });
    }
  }

  test("a missing file is not_found", { timeout: 10_000 }, async () => {
    const code = await page.evaluate(async (url) => {
      const { openFiler } = await import("/kelp-stream/index.js");
      return openFiler(url).then(() => "", (error) => error.code);
    }, `${cluster.filer}/p/nothing`);
    assert.equal(code, "not_found");
  });

  // The last test: it leaves the cluster with one server less.
  test("a killed volume server is replaced by the other replica", { timeout: 20_000 }, async () => {
    const { content, chunks } = files.encrypted;
    const places = await placesOf(cluster, chunks);
    const victim = new URL(places.get(chunks.at(-1).file_id).urls[0]).origin;
    const { digest } = await read("encrypted", { located: true, victim });
    assert.equal(digest, sha256(content));
    assert.ok(!(await cluster.holders(chunks.at(-1).file_id.split(",")[0])).includes(victim), "it is gone");
    assert.deepEqual(uncaught, []);
  });
});

/** In the page: reads while the test kills a server; resolves to the digest of the bytes. */
async function readInPage({ url, places, range, victim, killAt }) {
  const { openFiler, Pool } = await import("/kelp-stream/index.js");
  const locate = places ? (fileId) => places[fileId] : "proxy";
  const file = await openFiler(url, { locate, maxBytesAhead: 1024 * 1024, retry: { baseDelay: 10 }, pool: new Pool() });
  const reader = file.stream(range).getReader();
  const pieces = [];
  let length = 0;
  for (let next; !(next = await reader.read()).done;) {
    pieces.push(next.value);
    length += next.value.length;
    if (!victim || length < killAt) continue;
    await window.killVolume(victim);
    victim = null;
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(pieces).arrayBuffer()));
  return { digest: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") };
}
