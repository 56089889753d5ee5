// S3 objects under server-side encryption, as a real SeaweedFS stored them.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeAll, encoded, get, json, sha256, startGateway } from "./support.mjs";

after(closeAll);

const SECRET = /x-seaweedfs-sse|encryptedDEK|00112233/i;

const WAYS = {
  "relayed by the filer": () => ({}),
  "from the volume servers": ({ master, volumes }) => ({ MASTER: master, ALLOWED_ORIGINS: volumes.join() }),
  // The stored bytes have the length of the file: only the entry says that they are encrypted.
  "with plain chunks passed through": () => ({ DIRECT: "yes" }),
};

for (const [way, vars] of Object.entries(WAYS)) {
  test(`SSE-S3 is decrypted with the key of the cluster, ${way}`, async () => {
    let kek;
    const { store, origin } = await startGateway("s3", (store) => {
      kek = store.cases.find(({ key }) => key?.sseS3Kek).key.sseS3Kek;
      return { SSE_KEK: kek, ...vars(store) };
    });
    const served = store.cases.filter(({ key }) => !key?.sseC);
    assert.deepEqual(served.map(({ name }) => name), ["plain.bin", "encoded.txt", "sse-s3.bin"]);
    for (const { name, path, size, sha256: right, ranges } of served) {
      const { status, headers, bytes } = await get(origin + encoded(path));
      assert.deepEqual([status, headers.get("content-length"), sha256(bytes)], [200, String(size), right], name);
      for (const { start, end, sha256: part } of ranges.filter(({ start, end }) => start < end && start < size)) {
        const ranged = await get(origin + encoded(path), { headers: { range: `bytes=${start}-${end - 1}` } });
        assert.deepEqual([ranged.status, sha256(ranged.bytes)], [206, part], `${name} ${start}..${end}`);
        assert.doesNotMatch(JSON.stringify([...ranged.headers]), SECRET);
      }
    }
    assert.ok(store.requests.every(({ url, headers }) => !(url + JSON.stringify(headers)).includes(kek)), "no request contains the key");
  });
}

test("without the right key the answer is a problem without keys", async () => {
  for (const [vars, names] of [[{}, ["sse-s3.bin", "sse-c.bin", "sse-c-small.bin"]], [{ SSE_KEK: "00112233".repeat(8) }, ["sse-s3.bin", "sse-c.bin"]], [{ DIRECT: "yes" }, ["sse-s3.bin", "sse-c-small.bin"]]]) {
    const { store, origin } = await startGateway("s3", vars);
    for (const name of names) {
      const answer = await get(origin + encoded(store.cases.find((each) => each.name === name).path));
      assert.ok(answer.status >= 400 && answer.status !== 500, `${name}: ${answer.status}`);
      assert.equal(json(answer).status, answer.status);
      assert.doesNotMatch(answer.bytes.toString(), SECRET);
    }
  }
});
