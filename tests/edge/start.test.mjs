// `npm run start:edge`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startEdge } from "../../scripts/start-edge.mjs";
import { get } from "./support.mjs";

test("the printed URL opens the film only with its signature", async () => {
  const { url, close } = await startEdge();
  try {
    const { status, headers } = await get(url, { headers: { range: "bytes=0-99" } });
    assert.deepEqual([status, headers.get("content-type")], [206, "video/webm"]);
    assert.equal((await get(url.replace(/signature=...../, "signature=aaaaa"))).status, 403);
  } finally {
    await close();
  }
});
