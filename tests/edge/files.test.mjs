// Files that a real SeaweedFS wrote, through the gateway in workerd: whole, in ranges, with conditional requests.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeAll, encoded, get, json, noise, rawGet, sha256, startGateway } from "./support.mjs";

after(closeAll);

const MIB = 2 ** 20;

const WAYS = {
  "relayed by the filer": () => ({}),
  "from the volume servers": ({ master, volumes }) => ({ MASTER: master, ALLOWED_ORIGINS: volumes.join(" "), SUBREQUESTS: "30000" }),
  "passed through where possible": () => ({ DIRECT: "yes" }),
};

/** Files that cannot be read: the status, or "broken" if the body breaks. */
const BROKEN = {
  "remote-only": 502, "missing-chunk": "broken", "bad-etag": "broken", "short-chunk": "broken", "missing-manifest": 404, "bad-manifest": 502,
};

for (const cluster of ["plain", "cipher"]) {
  // All ways are tested with plain chunks; encrypted ones take the same ways.
  for (const [way, vars] of Object.entries(WAYS).filter(([way]) => cluster === "plain" || way === "relayed by the filer")) {
    test(`${cluster}: every captured file is served, ${way}`, { timeout: 60_000 }, async () => {
      const { store, origin } = await startGateway(cluster, (store) => ({ SUBREQUESTS: "30000", ...vars(store) }));
      let served = 0;
      for (const { name, path, size, sha256: whole, ranges } of store.cases) {
        if (name in BROKEN) continue;
        const url = origin + encoded(path);
        // Ten thousand requests take long: of that file, ranges are enough.
        const isHuge = size / 512 > 10_000 && name !== "film";
        if (!isHuge) {
          const { status, headers, bytes } = await get(url);
          assert.equal(status, 200, name);
          assert.equal(headers.get("content-length"), String(size), `length of ${name}`);
          assert.equal(sha256(bytes), whole, name);
        }
        for (const { start, end, sha256: part } of ranges.filter(({ start, end }) => start < end && start < size && !(isHuge && end - start > MIB))) {
          const ranged = await get(url, { headers: { range: `bytes=${start}-${end - 1}` } });
          assert.equal(ranged.status, 206, `${name} ${start}..${end}`);
          assert.equal(ranged.headers.get("content-range"), `bytes ${start}-${Math.min(end, size) - 1}/${size}`, name);
          assert.equal(ranged.headers.get("content-length"), String(Math.min(end, size) - start), name);
          assert.equal(sha256(ranged.bytes), part, `${name} ${start}..${end}`);
        }
        served++;
      }
      assert.ok(served > 15, `${served} files`);
    });
  }

  test(`${cluster}: an unreadable file is a problem or breaks`, { timeout: 60_000 }, async () => {
    const { store, origin } = await startGateway(cluster);
    for (const [name, outcome] of Object.entries(BROKEN)) {
      const { path } = store.cases.find((each) => each.name === name);
      const answer = await get(origin + encoded(path)).catch((error) => error);
      if (answer instanceof Error) {
        assert.equal(outcome, "broken", name);
        continue;
      }
      assert.equal(answer.headers.get("content-type"), "application/problem+json", name);
      assert.equal(json(answer).status, answer.status);
      // A short file fails before its first byte is sent: a problem is correct, too.
      if (outcome !== "broken") assert.equal(answer.status, outcome, name);
      assert.ok(answer.status >= 400, name);
    }
  });
}

test("conditional requests, HEAD and other methods follow RFC 9110", async () => {
  const { store, origin } = await startGateway(null);
  const bytes = noise("film", 50_000);
  store.addFile({ path: "/f/film one.webm", mime: "video/webm", mtime: "2026-11-23T02:13:20.500Z", bytes, chunkSize: 16_384 });
  const url = `${origin}/f/film%20one.webm`;
  const modified = "Mon, 23 Nov 2026 02:13:20 GMT";
  const whole = await get(url);
  const etag = whole.headers.get("etag");
  assert.match(etag, /^".+"$/);
  const range = "bytes=16000-40000";
  for (const [headers, status, from = 0, to = 50_000] of [
    [{}, 200], [{ range }, 206, 16_000, 40_001], [{ range: "bytes=-5" }, 206, 49_995, 50_000], [{ range: "bytes=49999-" }, 206, 49_999, 50_000],
    [{ range: "bytes=0-0" }, 206, 0, 1], [{ range: "bytes=100-999999" }, 206, 100, 50_000], [{ range: "bytes=-999999" }, 206],
    [{ range: "bytes=50000-" }, 416], [{ range: "bytes=-0" }, 416], [{ range: "bytes=5-4" }, 200], [{ range: "bytes=0-1,5-6" }, 200], [{ range: "lines=0-1" }, 200],
    [{ range: "bytes=" }, 200], [{ range: "bytes=-" }, 200], [{ range: "bytes=x-y" }, 200], [{ range: "bytes=99999999999999999999-" }, 416],
    [{ range, "if-range": etag }, 206, 16_000, 40_001], [{ range, "if-range": modified }, 206, 16_000, 40_001],
    [{ range, "if-range": '"other"' }, 200], [{ range, "if-range": `W/${etag}` }, 200],
    [{ "if-none-match": etag }, 304], [{ "if-none-match": '"other"' }, 200], [{ "if-modified-since": modified }, 304],
    [{ "if-match": '"other"' }, 412], [{ "if-match": etag, range }, 206, 16_000, 40_001], [{ "if-unmodified-since": "Sun, 22 Nov 2026 00:00:00 GMT" }, 412],
  ]) {
    const said = JSON.stringify(headers);
    const answer = await get(url, { headers });
    assert.equal(answer.status, status, said);
    if (status >= 300) assert.equal(answer.bytes.length, 0, said);
    else assert.ok(answer.bytes.equals(bytes.subarray(from, to)), said);
  }
  assert.equal((await get(url, { headers: { range: "bytes=50000-" } })).headers.get("content-range"), "bytes */50000");
  store.resetLog();
  const head = await get(url, { method: "HEAD", headers: { range } });
  assert.equal(head.status, 200);
  for (const name of ["content-length", "content-type", "etag", "last-modified", "accept-ranges", "content-disposition", "cache-control"]) {
    assert.equal(head.headers.get(name), whole.headers.get(name), name);
  }
  assert.equal(store.requests.length, 1, "the entry, and no chunk");
  for (const method of ["POST", "PUT", "DELETE"]) {
    const refused = await get(url, { method });
    assert.deepEqual([refused.status, refused.headers.get("allow")], [405, "GET, HEAD, OPTIONS"], method);
  }
});

test("stored encodings are kept, and documents are sandboxed", async () => {
  const { store, origin } = await startGateway(null, { CACHE_CONTROL: "private, max-age=60", CORS: "https://app.example" });
  const { entry } = store.addFile({ path: "/f/page.html", mime: "text/html", bytes: noise("p", 100), chunkSize: 100 });
  const extended = { "Content-Encoding": "gzip", "Cache-Control": "public, max-age=999999" };
  const coded = Object.fromEntries(Object.entries(extended).map(([name, value]) => [name, btoa(value)]));
  store.addEntry("/f/page.html", entry.replace('"Extended":null', `"Extended":${JSON.stringify(coded)}`));
  const { headers, bytes } = await rawGet(`${origin}/f/page.html`, { "accept-encoding": "gzip" });
  assert.equal(headers.get("content-encoding"), "gzip");
  assert.ok(bytes.equals(noise("p", 100)));
  assert.equal(headers.get("cache-control"), "private, max-age=60");
  assert.match(headers.get("content-security-policy"), /default-src 'none'.*sandbox/);
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("access-control-allow-origin"), "https://app.example");
});
