// Volumes that move to another server while a file is read.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { importPackage } from "../package/support.mjs";
import { noise } from "../store/index.mjs";
import { chunksOf, locator, MIB, readAround, sameBytes, volumeIdOf, write } from "./files.mjs";
import { Cluster, skip } from "./weed.mjs";

describe("volumes that move", { skip, timeout: 90_000 }, () => {
  let cluster, kelp;
  before(async () => {
    kelp = await importPackage();
    // A server that forwards requests would hide the move.
    cluster = await Cluster.start({ cipher: false, readMode: "local" });
  }, { timeout: 60_000 });
  after(() => cluster?.stop());

  const ways = { "located by the master": () => ({ master: cluster.master }), "located by a function": () => remembering(locator(cluster)) };
  for (const [way, locate] of Object.entries(ways)) {
    // F23
    test(`a moved volume is found again: ${way}`, { timeout: 40_000 }, async () => {
      const content = noise(way, 6 * MIB);
      const url = await write(cluster.filer, `/v/${way}.bin`, content);
      const chunks = await chunksOf(url);
      const id = volumeIdOf(chunks.at(-1).file_id);
      const file = await kelp.openFiler(url, { locate: locate(), maxBytesAhead: MIB, retry: { baseDelay: 10 }, pool: new kelp.Pool() });
      // The first stream looks up all chunks.
      sameBytes(await file.bytes(), content, "before");
      const bytes = await readAround(file.stream(), 2 * MIB, () => move(cluster, id));
      sameBytes(bytes, content, "after");
      assert.ok(file.stats.relookups > 0, "it was looked up again");
    });
  }
});

/** Moves a volume to a server that does not hold it, without leaving another replica. */
async function move(cluster, id) {
  const before = await cluster.holders(id);
  const [from, other] = before.map((origin) => new URL(origin).host);
  const to = cluster.volumes.find((origin) => !before.includes(origin));
  const printed = await cluster.shell(
    "lock",
    `volume.delete -node=${other} -volumeId=${id}`,
    `volume.move -source=${from} -target=${new URL(to).host} -volumeId=${id}`,
    "unlock",
  );
  assert.deepEqual(await cluster.holders(id), [to], printed);
}

/** A locator that asks the master again only with `refresh`. */
function remembering(locate) {
  const known = new Map();
  return async (fileId, { refresh }) => {
    if (refresh || !known.has(fileId)) known.set(fileId, await locate(fileId));
    return known.get(fileId);
  };
}
