// The package in workerd with its global fetch, without the gateway.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { bundleWorker, startBareWorker } from "../../scripts/edge.mjs";
import { closeAll, get, noise, startRogue } from "./support.mjs";

after(closeAll);

test("tokens are sent, and a redirect does not forward them", async () => {
  const store = await startRogue();
  const bytes = noise("p", 1000);
  const { fileIds } = store.addFile({ path: "/f.bin", bytes, chunkSize: 500 });
  const { origin, close } = await startBareWorker(await bundleWorker("tests/edge/package-worker.mjs"), { FILER: store.filer, VOLUME: store.volumes[0] });
  try {
    assert.ok((await get(origin)).bytes.equals(bytes));
    assert.ok(store.requests.every(({ url }) => url.includes("jwt=")));
    store.fault({ server: "volume0" }, { redirect: `${store.volumes[1]}/${fileIds[0]}` });
    assert.equal((await get(origin)).status, 500);
    assert.ok(store.requests.every(({ server }) => server !== "volume1"));
  } finally {
    await close();
  }
});
