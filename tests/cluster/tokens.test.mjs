// A cluster that requires tokens for reads, with tokens that are valid for seconds.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { importPackage } from "../package/support.mjs";
import { noise, signToken } from "../store/index.mjs";
import { chunksOf, locator, MIB, readAround, readsBack, sameBytes, succeeded, urlOf } from "./files.mjs";
import { Cluster, put, skip } from "./weed.mjs";

const VOLUME_KEY = "opens the volume servers of this test";
const FILER_KEY = "opens the filer of this test";
const LASTS = 2;
const TOO_LATE = 1000 * (LASTS + 1.2);
const SECURITY = `
[jwt.signing]
key = "lets this test write"
expires_after_seconds = 60
[jwt.signing.read]
key = "${VOLUME_KEY}"
expires_after_seconds = ${LASTS}
[jwt.filer_signing.read]
key = "${FILER_KEY}"
expires_after_seconds = 60
`;

const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;
const filerToken = () => signToken({ exp: inSeconds(60) }, FILER_KEY);
const chunkToken = (fileId, lasts = LASTS) => signToken({ fid: fileId, exp: inSeconds(lasts) }, VOLUME_KEY);

describe("a cluster that wants tokens", { skip, timeout: 100_000 }, () => {
  const content = noise("tokens", 10 * MIB);
  let cluster, kelp, url, fileId;
  before(async () => {
    kelp = await importPackage();
    cluster = await Cluster.start({ cipher: false, security: SECURITY, volumes: 2 });
    url = urlOf(cluster.filer, "/j/file.bin");
    await succeeded(await put(url, content));
    fileId = (await chunksOf(url, filerToken()))[0].file_id;
  }, { timeout: 60_000 });
  after(() => cluster?.stop());

  const open = (options) => kelp.openFiler(url, { filerToken, retry: { passes: 1 }, pool: new kelp.Pool(), ...options });

  test("without a token nothing is served", { timeout: 10_000 }, async () => {
    assert.equal((await fetch(`${url}?metadata=true`)).status, 401);
    const [place] = (await locator(cluster)(fileId)).urls;
    assert.equal((await fetch(place)).status, 401);
    await assert.rejects(kelp.openFiler(url), { name: "KelpError", code: "unauthorized" });
    await assert.rejects((await open({ locate: locator(cluster) })).bytes(), { name: "KelpError", code: "unauthorized" });
  });

  // F21
  test("a token of another key is unauthorized and in no message", { timeout: 10_000 }, async () => {
    const wrong = signToken({ fid: fileId, exp: inSeconds(60) }, "another key");
    const reading = (async () => (await open({ locate: locator(cluster), token: () => wrong })).bytes())();
    await assert.rejects(reading, (error) => error.code === "unauthorized" && !JSON.stringify([error, error.message, error.stack]).includes(wrong));
  });

  const ways = {
    "the master gives them": () => ({ locate: { master: cluster.master } }),
    "a function makes them": () => ({ locate: locator(cluster), token: (id) => chunkToken(id) }),
    "a function makes them, for what the master locates": () => ({ locate: { master: cluster.master }, token: (id) => chunkToken(id) }),
    "a function gives them with the places": () => ({ locate: async (id) => ({ ...(await locator(cluster)(id)), token: chunkToken(id) }) }),
    "the filer relays, and signs by itself": () => ({}),
  };
  for (const [way, options] of Object.entries(ways)) {
    test(`reads a file: ${way}`, { timeout: 15_000 }, async () => readsBack(await open(options()), content));
  }

  // Concurrently: they mostly sleep.
  describe("tokens that expire while a reader is slow are renewed", { concurrency: 4, timeout: 40_000 }, () => {
    const { "the filer relays, and signs by itself": _, ...renewing } = ways;
    for (const [way, options] of Object.entries(renewing)) {
      test(way, { timeout: 30_000 }, async () => {
        const file = await open({ ...options(), maxBytesAhead: MIB });
        // Tokens from before the stream have expired, and so do those of its own lookups.
        await file.bytes({ end: MIB });
        await sleep(TOO_LATE);
        const bytes = await readAround(file.stream(), 4 * MIB, () => sleep(TOO_LATE));
        sameBytes(bytes, content, way);
      });
    }
  });

  // F18
  test("an expired token is requested once more", { timeout: 15_000 }, async () => {
    const asked = new Map();
    const token = (id) => {
      const times = (asked.get(id) ?? 0) + 1;
      asked.set(id, times);
      return chunkToken(id, times === 1 ? -10 : LASTS);
    };
    // No hedges: a busy machine would cause some.
    sameBytes(await (await open({ locate: locator(cluster), token, hedge: false })).bytes(), content, "renewed");
    assert.ok([...asked.values()].every((times) => times === 2), JSON.stringify([...asked]));
  });

  test("a token is valid for its chunk and its time only", { timeout: 10_000 }, async () => {
    const [place] = (await locator(cluster)(fileId)).urls;
    const status = async (token) => (await fetch(`${place}?jwt=${token}`)).status;
    assert.equal(await status(chunkToken(fileId)), 200);
    assert.equal(await status(chunkToken("1,0123456789")), 401);
    assert.equal(await status(chunkToken(fileId, -10)), 401);
  });
});
