// gateway/ in workerd, in front of a real SeaweedFS that requires tokens.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { bundleWorker, startWorker } from "../../scripts/edge.mjs";
import { noise } from "../store/index.mjs";
import { MIB, urlOf, succeeded } from "./files.mjs";
import { Cluster, put, skip } from "./weed.mjs";

const KEYS = { READ_SECRET: "opens the volume servers of this test", FILER_SECRET: "opens the filer of this test" };
const SECURITY = `
[jwt.signing]
key = "lets this test write"
[jwt.signing.read]
key = "${KEYS.READ_SECRET}"
[jwt.filer_signing.read]
key = "${KEYS.FILER_SECRET}"
`;

describe("the gateway in front of a cluster", { skip, timeout: 100_000 }, () => {
  const content = noise("edge", 5 * MIB + 77);
  let cluster;
  before(async () => {
    cluster = await Cluster.start({ security: SECURITY, volumes: 2 });
    for (const origin of [cluster.filer, cluster.cipherFiler]) await succeeded(await put(urlOf(origin, "/e/a b.bin"), content));
  }, { timeout: 60_000 });
  after(() => cluster?.stop());

  for (const kind of ["filer", "cipherFiler"]) {
    for (const way of ["relayed", "by the master", "passed through, relayed", "passed through, by the master"]) {
      test(`${kind}: serves a file, whole and in ranges, ${way}`, { timeout: 40_000 }, async () => {
        const found = way.endsWith("relayed") ? {} : { MASTER: cluster.master, ALLOWED_ORIGINS: cluster.volumes.join() };
        const direct = way.startsWith("passed through") ? { DIRECT: "yes" } : {};
        const gateway = await startWorker(await bundleWorker(), { FILER: cluster[kind], ALLOW_PREFIXES: "/e", PUBLIC: "yes", ...KEYS, ...found, ...direct });
        try {
          const url = urlOf(gateway.origin, "/e/a b.bin");
          assert.equal((await fetch(urlOf(cluster[kind], "/e/a b.bin"))).status, 401, "the file requires a token");
          assert.ok(Buffer.from(await (await succeeded(await fetch(url))).arrayBuffer()).equals(content));
          for (const [start, end] of [[0, 1], [MIB - 1, 3 * MIB + 1], [5 * MIB, content.length]]) {
            const response = await fetch(url, { headers: { range: `bytes=${start}-${end - 1}` } });
            assert.equal(response.status, 206);
            assert.ok(Buffer.from(await response.arrayBuffer()).equals(content.subarray(start, end)), `${start}..${end}`);
          }
        } finally {
          await gateway.close();
        }
      });
    }
  }
});
