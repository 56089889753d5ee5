// The gateway component under jco and wasmtime, over real sockets, with the stand-in.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { now, signed, URL_KEYS } from "../edge/signed.mjs";
import { noise, sha256, startStore } from "../store/index.mjs";
import { becomes, GATEWAY_HOSTS, isStill, startGateway } from "./support.mjs";

const MIB = 1 << 20;
/** Look-ahead of each stream. */
const AHEAD = 32 * MIB;

for (const host of GATEWAY_HOSTS) {
  describe(host.name, { skip: host.skip }, () => {
    const it = (name, run, { cluster = null, needs } = {}) => test(name, { timeout: 60_000, skip: host.cannot[needs] ?? false }, async (t) => {
      const store = await startStore({ cluster });
      t.after(() => store.close());
      const start = (more, lines) => startGateway(t, host, { KELP_FILER: store.filer, KELP_PREFIXES: "/d,/f", KELP_PUBLIC: "yes", ...more }, lines);
      await run(store, start);
    });

    it("the film is served decrypted, whole and in ranges", async (store, start) => {
      const origin = await start();
      const { path, size, sha256: right, ranges } = store.cases.find(({ name }) => name === "film");
      const whole = await get(origin + path);
      assert.deepEqual([whole.status, whole.sha256, whole.headers.get("content-length")], [200, right, String(size)]);
      assert.equal(whole.headers.get("content-type"), "video/webm");
      for (const { start: first, end, sha256: part } of ranges) {
        const { status, sha256: got, headers } = await get(origin + path, { range: `bytes=${first}-${end - 1}` });
        assert.deepEqual([status, got, headers.get("content-range")], [206, part, `bytes ${first}-${end - 1}/${size}`]);
      }
    }, { cluster: "cipher" });

    it("conditional requests are answered", async (store, start) => {
      const size = 100_000;
      const { path } = store.addFile({ path: "/f/conditions", bytes: noise("conditions", size), chunkSize: 50_000 });
      const origin = await start();
      const etag = (await get(origin + path)).headers.get("etag");
      assert.equal((await get(origin + path, { "if-none-match": etag })).status, 304);
      assert.equal((await get(origin + path, { "if-match": '"other"' })).status, 412);
      assert.equal((await get(origin + path, { range: "bytes=0-0", "if-range": '"other"' })).status, 200);
      assert.equal((await get(origin + path, { range: `bytes=${size}-` })).status, 416);
    }, { needs: "bodiless" });

    it("HEAD has the same headers and fetches no chunk", async (store, start) => {
      const { path, size } = store.addFile({ path: "/f/head", bytes: noise("head", 100_000), chunkSize: 50_000 });
      const origin = await start();
      const head = await fetch(origin + path, { method: "HEAD" });
      assert.deepEqual([head.status, head.headers.get("content-length")], [200, String(size)]);
      assert.ok(store.requests.every(({ fileId }) => !fileId));
    }, { needs: "bodiless" });

    it("other methods are a 405 with Allow", async (store, start) => {
      const { path } = store.addFile({ path: "/f/post", bytes: noise("post", 1000), chunkSize: 1000 });
      const origin = await start();
      const post = await fetch(origin + path, { method: "POST", body: "x" });
      assert.deepEqual([post.status, post.headers.get("allow")], [405, "GET, HEAD, OPTIONS"]);
      assert.equal((await post.json()).code, "unsupported");
    });

    it("a path outside of the prefixes is a 404 without a request", async (store, start) => {
      store.addFile({ path: "/secret/x", bytes: noise("x", 10), chunkSize: 10 });
      const origin = await start();
      for (const path of ["/secret/x", "/f/..%2fsecret/x", "/f/%2e%2e/secret/x", "/fsecret", "/", "/f//secret"]) {
        const { status, text } = await get(origin + path);
        assert.deepEqual([status, JSON.parse(text).code], [404, "not_found"], path);
      }
      assert.deepEqual(store.requests, []);
      assert.equal((await get(`${origin}/f/none`)).status, 404);
      assert.equal(store.requests.length, 1);
    });

    it("only configured origins are requested", async (store, start) => {
      const { path, fileIds, sha256: right } = store.addFile({ path: "/f/far", bytes: noise("far", 1000), chunkSize: 1000, replicas: [1] });
      const atVolumes = () => store.requests.filter(({ server }) => server.startsWith("volume")).length;
      const fault = store.fault({ server: "filer", fileId: fileIds[0] }, { redirect: `${store.volumes[1]}/${fileIds[0]}` });
      assert.equal((await get((await start()) + path)).status, 502);
      fault.remove();
      assert.equal((await get((await start({ KELP_MASTER: store.master })) + path)).status, 502);
      assert.equal(atVolumes(), 0);
      const allowed = await get((await start({ KELP_MASTER: store.master, KELP_ORIGINS: store.volumes.join() })) + path);
      assert.deepEqual([allowed.status, allowed.sha256, atVolumes()], [200, right, 1]);
    });

    it("a failure before the first byte is a problem without hosts", async (store, start) => {
      const { path, fileIds } = store.addFile({ path: "/f/gone", bytes: noise("gone", 1000), chunkSize: 1000 });
      store.fault({ fileId: fileIds[0] }, { status: 404 });
      const { status, text, headers } = await get((await start()) + path);
      assert.deepEqual([status, headers.get("content-type"), headers.get("cache-control")], [404, "application/problem+json", "no-store"]);
      assert.ok(!text.includes("127.0.0.1") && !text.includes(fileIds[0]), text);
    });

    it("a body that fails later breaks", async (store, start) => {
      const { path, fileIds } = store.addFile({ path: "/f/torn", bytes: noise("torn", 2_000_000), chunkSize: 500_000 });
      store.fault({ fileId: fileIds[2] }, { status: 404 });
      await assert.rejects(get((await start()) + path));
    });

    it("concurrent requests each get their file", async (store, start) => {
      const files = Array.from({ length: 8 }, (_, i) => store.addFile({ path: `/f/many${i}`, bytes: noise(`many${i}`, MIB), chunkSize: MIB / 16 }));
      const origin = await start();
      store.latency = 20;
      const answers = await Promise.all(files.map(({ path }) => get(origin + path)));
      assert.deepEqual(answers.map(({ sha256 }) => sha256), files.map(({ sha256 }) => sha256));
    });

    it("a client that leaves stops only its own requests", async (store, start) => {
      const [left, kept] = ["left", "kept"].map((name) => store.addFile({ path: `/f/${name}`, bytes: noise(name, 4 * MIB), chunkSize: MIB / 4 }));
      const origin = await start();
      store.rate = 200_000;
      const leaving = new AbortController();
      const other = await fetch(origin + kept.path);
      const { body } = await fetch(origin + left.path, { signal: leaving.signal });
      await body.getReader().read();
      const open = ({ fileIds }) => store.requests.filter(({ fileId, state }) => fileIds.includes(fileId) && state === "open").length;
      assert.ok(open(left) > 0);
      leaving.abort();
      assert.ok(await becomes(() => open(left) === 0), `${open(left)} requests are still open`);
      assert.ok(store.requests.some(({ fileId, state }) => left.fileIds.includes(fileId) && state === "aborted"));
      store.rate = 0;
      assert.equal(sha256(Buffer.from(await other.arrayBuffer())), kept.sha256);
    }, { needs: "cancel" });

    it("a client that does not read limits what is fetched", async (store, start) => {
      const { path } = store.addFile({ path: "/f/slow", bytes: noise("slow", 2 * AHEAD), chunkSize: 4 * MIB });
      const { body } = await fetch((await start()) + path);
      assert.ok(await isStill(() => store.bytesSent));
      const sent = store.bytesSent;
      // The look-ahead, and the buffers of sockets and host.
      assert.ok(sent < AHEAD + 16 * MIB, `${sent} bytes were sent`);
      const reader = body.getReader();
      for (let length = 0; length < 16 * MIB; ) length += (await reader.read()).value.length;
      assert.ok(await becomes(() => store.bytesSent > sent));
      await reader.cancel();
    });

    it("a signed URL gives access until it expires", async (store, start) => {
      const { path, sha256: right } = store.addFile({ path: "/f/a b", bytes: noise("signed", 1000), chunkSize: 400 });
      const origin = await start({ KELP_PUBLIC: "", KELP_URL_KEYS: URL_KEYS });
      const url = encodeURI(path);
      for (const good of [signed(origin, url), signed(origin, url, { key: "two" }), signed(origin, url, { issued: now() + 50 }), signed(origin, url, { download: "x.bin" })]) {
        const { status, sha256: got } = await get(good);
        assert.deepEqual([status, got], [200, right], good);
      }
      assert.equal((await get(signed(origin, url, { download: "x.bin" }))).headers.get("content-disposition"), "attachment; filename=x.bin");
      store.resetLog();
      const good = signed(origin, url);
      for (const bad of [origin + url, signed(origin, url, { host: "other" }), signed(origin, url, { method: "HEAD" }), signed(origin, url, { issued: now() - 200, expires: now() - 61 }), signed(origin, url, { as: { key: "two" } }), `${good}&download=x`, `${good}&key=one`, signed(origin, "/f/b")]) {
        const { status, text } = await get(bad.replace("/f/b?", `${url}?`));
        assert.deepEqual([status, JSON.parse(text).code], [403, "unauthorized"], bad);
      }
      assert.deepEqual(store.requests, []);
    });

    it("responses have CORS headers, and no stored lifetime", async (store, start) => {
      const { path } = store.addFile({ path: "/f/page.html", mime: "text/html", bytes: noise("page", 100), chunkSize: 100 });
      const origin = await start({ KELP_CORS: "https://app.example" });
      const found = await get(origin + path);
      assert.match(found.headers.get("content-security-policy"), /sandbox/);
      assert.deepEqual(["cache-control", "x-content-type-options"].map((name) => found.headers.get(name)), ["private, no-cache", "nosniff"]);
      for (const { status, headers } of [found, await get(`${origin}/f/none`), await get(`${origin}/etc/x`)]) {
        assert.equal(headers.get("access-control-allow-origin"), "https://app.example", String(status));
      }
    });

    it("a preflight is answered", async (store, start) => {
      const origin = await start({ KELP_CORS: "https://app.example", KELP_PUBLIC: "", KELP_URL_KEYS: URL_KEYS });
      const { status, headers } = await fetch(`${origin}/f/x`, { method: "OPTIONS" });
      assert.deepEqual([status, headers.get("access-control-allow-origin")], [204, "https://app.example"]);
      assert.match(headers.get("access-control-allow-headers"), /If-Range/);
    }, { needs: "bodiless" });

    it("the filer's own folders are served only by name", async (store, start) => {
      store.addFile({ path: "/etc/x", bytes: noise("x", 10), chunkSize: 10 });
      for (const [prefixes, status] of [["/", 404], ["/,/etc", 200]]) assert.equal((await get(`${await start({ KELP_PREFIXES: prefixes })}/etc/x`)).status, status);
    });

    it("another host is a 421", async (store, start) => {
      assert.equal((await get(`${await start({ KELP_HOSTS: "files.example.com" })}/f/x`)).status, 421);
    });

    it("a chunk larger than the memory is a 507", async (store, start) => {
      const { path } = store.addFile({ path: "/f/large", bytes: noise("large", 3 * MIB), chunkSize: 3 * MIB, cipher: true });
      const { status, text } = await get((await start({ KELP_MEMORY_MIB: "4" })) + path, { range: "bytes=0-0" });
      assert.deepEqual([status, JSON.parse(text).code], [507, "limit"]);
      assert.ok(store.requests.every(({ fileId }) => !fileId));
    });

    it("a stalled client goes on, and one that is too slow is ended", async (store, start) => {
      const bytes = noise("slow", 2 * AHEAD);
      const { path } = store.addFile({ path: "/f/slow", bytes, chunkSize: MIB });
      const stalled = async (origin, ms) => {
        const { body } = await fetch(origin + path);
        const reader = body.getReader();
        await reader.read();
        await new Promise((resolve) => setTimeout(resolve, ms));
        return reader;
      };
      const origin = await start({ KELP_STALL_SECONDS: "1", KELP_CLIENT_SECONDS: "2" });
      const patient = await start({ KELP_STALL_SECONDS: "1" });
      const [slow, late] = await Promise.all([stalled(origin, 15_000), stalled(patient, 3000)]);
      await assert.rejects(async () => { while (!(await slow.read()).done); });
      // The first piece was read before.
      const pieces = [];
      for (let next = await late.read(); !next.done; next = await late.read()) pieces.push(next.value);
      assert.ok(bytes.subarray(-Buffer.concat(pieces).length).equals(Buffer.concat(pieces)), "it gets the whole file");
    }, { needs: "slow" });

    it("ended downloads of a signed URL do not count", async (store, start) => {
      const { path, sha256: right } = store.addFile({ path: "/f/often", bytes: noise("often", MIB), chunkSize: MIB / 4 });
      const origin = await start({ KELP_PUBLIC: "", KELP_URL_KEYS: URL_KEYS, KELP_URL_DOWNLOADS: "1" });
      const url = signed(origin, path);
      for (let i = 0; i < 3; i++) assert.equal((await get(url)).sha256, right);
    });

    it("small ranges of large encrypted chunks wait in turn", async (store, start) => {
      const bytes = noise("large", 8 * MIB);
      const { path } = store.addFile({ path: "/f/large", bytes, chunkSize: 8 * MIB, cipher: true });
      const origin = await start({ KELP_MEMORY_MIB: "40" });
      const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => fetch(origin + path, { headers: { range: `bytes=${i}-${i}` } })));
      const first = await Promise.all(answers.map(async (answer) => [answer.status, new Uint8Array(await answer.arrayBuffer())[0]]));
      assert.deepEqual(first, Array.from({ length: 12 }, (_, i) => [206, bytes[i]]));
    });

    it("an entry that is too long is not read", async (store, start) => {
      const origin = await start();
      const { entry } = store.addFile({ path: "/f/long", bytes: noise("long", 100), chunkSize: 100 });
      store.addEntry("/f/long", entry.replace(/^\{/, `{"Extended":{"x":"${"A".repeat(9 * MIB)}"},`));
      const { status, text } = await get(`${origin}/f/long`);
      assert.deepEqual([status, JSON.parse(text).code], [507, "limit"]);
    });

    it("each request is a line in the log", async (store, start) => {
      const { path } = store.addFile({ path: "/f/seen", bytes: noise("seen", 1000), chunkSize: 400 });
      const lines = [];
      const origin = await start({ KELP_AUDIT: "yes", KELP_PUBLIC: "", KELP_URL_KEYS: URL_KEYS }, lines);
      await get(signed(origin, path, { key: "two" }));
      await get(`${origin}${path}?signature=secret`);
      const seen = () => lines.join("").match(/\{"bytes".*\}/g)?.map((line) => JSON.parse(line)) ?? [];
      assert.ok(await becomes(() => seen().length === 2), lines.join(""));
      const fields = seen().map(({ method, path, key, status, bytes }) => [method, path, key, status, bytes]);
      assert.deepEqual(fields, [["GET", path, "two", 200, 1000], ["GET", path, null, 403, 0]]);
      assert.doesNotMatch(lines.join(""), /secret|signature/);
    });

    it("a gateway without configuration serves nothing", async (store, start) => {
      assert.equal((await get(`${await start({ KELP_PUBLIC: "" })}/f/x`)).status, 500);
      assert.equal((await get(`${await start({ KELP_PREFIXES: "" })}/f/x`)).status, 500);
      assert.deepEqual(store.requests, []);
    });
  });
}

async function get(url, headers = {}) {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(20_000) });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, sha256: sha256(bytes), text: bytes.length < 1000 ? bytes.toString() : "" };
}
