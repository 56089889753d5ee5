// Objects that the S3 gateway of SeaweedFS encrypted, read from the filer and the volume servers with their keys.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { importPackage } from "../package/support.mjs";
import { noise } from "../store/index.mjs";
import { chunksOf, locator, MIB, readsBack, succeeded, urlOf } from "./files.mjs";
import { Cluster, skip } from "./weed.mjs";

const CUSTOMER_KEY = randomBytes(32);
const KEK = randomBytes(32).toString("hex");

/** `headers` of the request that stores; `sse`: the option of the reader. */
const KINDS = {
  "SSE-C": {
    headers: {
      "x-amz-server-side-encryption-customer-algorithm": "AES256",
      "x-amz-server-side-encryption-customer-key": CUSTOMER_KEY.toString("base64"),
      "x-amz-server-side-encryption-customer-key-md5": createHash("md5").update(CUSTOMER_KEY).digest("base64"),
    },
    sse: { customerKey: new Uint8Array(CUSTOMER_KEY) },
    wrong: { customerKey: new Uint8Array(randomBytes(32)) },
  },
  "SSE-S3": { headers: { "x-amz-server-side-encryption": "AES256" }, sse: { kek: KEK }, wrong: { kek: randomBytes(32).toString("hex") } },
};

describe("objects of the S3 gateway", { skip, timeout: 100_000 }, () => {
  let cluster, kelp;
  before(async () => {
    kelp = await importPackage();
    cluster = await Cluster.start({ cipher: false, s3: true, security: `[s3.sse]\nkek = "${KEK}"\n` });
    await bucket(cluster);
  }, { timeout: 60_000 });
  after(() => cluster?.stop());

  /** The URL of an object at the filer, which does not decrypt it. */
  const atFiler = (key) => urlOf(cluster.filer, `/buckets/bucket/${key}`);
  const atGateway = (key) => urlOf(cluster.s3, `/bucket/${key}`);

  for (const [kind, { headers, sse, wrong }] of Object.entries(KINDS)) {
    const shapes = {
      "put at once": { key: `${kind}/one.bin`, content: noise(`${kind} one`, 3 * MIB + 777), store: store },
      "uploaded in parts": { key: `${kind}/parts.bin`, content: noise(`${kind} parts`, 7 * MIB + 777), store: storeInParts },
    };
    for (const [shape, { key, content, store }] of Object.entries(shapes)) {
      test(`${kind}, ${shape}: read with its key, whole and in ranges`, { timeout: 30_000 }, async () => {
        await store(atGateway(key), content, headers);
        const chunks = await chunksOf(atFiler(key));
        assert.ok(chunks.length > 2 && chunks.every(({ sse_type: type }) => type), "every chunk is encrypted");
        for (const locate of ["proxy", locator(cluster), { master: cluster.master }]) {
          const file = await kelp.openFiler(atFiler(key), { sse, locate });
          await readsBack(file, content);
          // Within a chunk, not at a block of the cipher.
          for (const start of [5 * 16 + 3, MIB + 1, 2 * MIB + 100_001]) {
            assert.ok(content.subarray(start, start + 1000).equals(await file.bytes({ start, end: start + 1000 })), `from ${start}`);
          }
        }
      });
    }

    test(`${kind}: the filer serves encrypted bytes`, { timeout: 10_000 }, async () => {
      const bytes = Buffer.from(await (await fetch(atFiler(shapes["put at once"].key))).arrayBuffer());
      assert.equal(bytes.length, shapes["put at once"].content.length);
      assert.ok(!bytes.equals(shapes["put at once"].content));
    });

    // F73
    test(`${kind}: a wrong key is corrupt, no key unsupported`, { timeout: 10_000 }, async () => {
      for (const { key } of Object.values(shapes)) {
        await assert.rejects(readAll(kelp, atFiler(key), { sse: wrong }), { name: "KelpError", code: "corrupt" });
        await assert.rejects(readAll(kelp, atFiler(key), {}), { name: "KelpError", code: "unsupported" });
      }
    });
  }

  test("an object that is not encrypted is read like a file", { timeout: 10_000 }, async () => {
    const content = noise("open", 2 * MIB + 5);
    await store(atGateway("open.bin"), content, {});
    await readsBack(await kelp.openFiler(atFiler("open.bin")), content);
  });
});

async function readAll(kelp, url, options) {
  return (await kelp.openFiler(url, options)).bytes();
}

/** Waits for the gateway, which starts last and does not report when it is ready. */
async function bucket(cluster) {
  for (const end = Date.now() + 30_000; ;) {
    const response = await fetch(`${cluster.s3}/bucket`, { method: "PUT" }).catch((error) => error);
    if (response.ok) return;
    if (Date.now() > end) throw new Error("the gateway created no bucket within its time", { cause: response });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function store(url, content, headers) {
  await succeeded(await fetch(url, { method: "PUT", body: content, headers }));
}

async function storeInParts(url, content, headers) {
  const { origin, pathname } = new URL(url);
  const at = origin + pathname;
  const started = await (await succeeded(await fetch(`${at}?uploads`, { method: "POST", headers }))).text();
  const upload = encodeURIComponent(/<UploadId>(.+?)<\/UploadId>/.exec(started)[1]);
  const keyHeaders = Object.fromEntries(Object.entries(headers).filter(([name]) => name.includes("customer")));
  const parts = [];
  // Part lengths that are not a multiple of the cipher's block: each part begins a new stream.
  for (let number = 1, length = 5 * MIB + 3, start = 0; start < content.length; number++, start += length) {
    const body = content.subarray(start, start + length);
    const { headers: said } = await succeeded(await fetch(`${at}?partNumber=${number}&uploadId=${upload}`, { method: "PUT", body, headers: keyHeaders }));
    parts.push(`<Part><PartNumber>${number}</PartNumber><ETag>${said.get("etag")}</ETag></Part>`);
  }
  const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
  const answer = await (await succeeded(await fetch(`${at}?uploadId=${upload}`, { method: "POST", body, headers: keyHeaders }))).text();
  assert.ok(answer.includes("CompleteMultipartUploadResult"), answer);
}
