// The line that each request leaves in the log.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeAll, get, noise, now, signed, startLoggedGateway, until, URL_KEYS } from "./support.mjs";

after(closeAll);

// F179
test("each request is a line in the log, without secrets", async () => {
  for (const DIRECT of ["no", "yes"]) {
    const { store, origin, lines } = await startLoggedGateway(null, { URL_KEYS, PUBLIC: "", AUDIT: "yes", DIRECT });
    store.addFile({ path: "/a b.bin", bytes: noise("a", 5000), chunkSize: 1000 });
    const url = signed(origin, "/a%20b.bin", { key: "two" });
    const began = now();
    await get(url);
    await get(url, { headers: { range: "bytes=10-19" } });
    await get(url, { method: "HEAD" });
    await get(`${origin}/a%20b.bin?key=two&signature=secret`);
    await get(`${origin}/%ff?secret`, { method: "POST" });
    await until(() => lines.length >= 5, "five lines");
    const [first] = lines.map((line) => JSON.parse(line));
    assert.deepEqual(Object.keys(first), ["time", "method", "path", "key", "status", "bytes", "ms"]);
    assert.ok(Date.parse(first.time) / 1000 >= began - 1 && first.ms >= 0 && first.ms < 10_000);
    const seen = lines.map((line) => JSON.parse(line)).map(({ method, path, key, status, bytes }) => [method, path, key, status, bytes]);
    assert.deepEqual(seen, [
      ["GET", "/a%20b.bin", "two", 200, 5000], ["GET", "/a%20b.bin", "two", 206, 10], ["HEAD", "/a%20b.bin", "two", 200, 0],
      ["GET", "/a%20b.bin", null, 403, 0], ["POST", "/%ff", null, 405, 0],
    ]);
    assert.doesNotMatch(lines.join(), /secret|signature|the-secret/);
  }
});

test("by default there is no line", async () => {
  const { store, origin, lines } = await startLoggedGateway(null, {});
  store.addFile({ path: "/a.bin", bytes: noise("a", 10), chunkSize: 10 });
  await get(`${origin}/a.bin`);
  await get(`${origin}/none`);
  assert.deepEqual(lines, []);
});
