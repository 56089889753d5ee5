// Which requests are served, and which servers are contacted.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { verifyToken } from "../store/jwt.mjs";
import { chunksOf, closeAll, encoded, get, json, noise, rawStatus, sha256, startGateway, startRogue } from "./support.mjs";

after(closeAll);

const bytes = noise("gate", 3000);
const FILE = { path: "/public/a b.bin", bytes, chunkSize: 1000 };
const PATH = "/public/a%20b.bin";

test("only paths below a prefix are served, in every spelling", async () => {
  const { store, origin } = await startGateway(null, { ALLOW_PREFIXES: "/public, /d/" });
  for (const path of [FILE.path, "/private/a.bin", "/publicity/a.bin", "/d/..hidden", "/d/100% é+#?.bin"]) store.addFile({ ...FILE, path });
  assert.equal((await get(origin + PATH)).status, 200);
  assert.equal(await rawStatus(origin, "/private/../public/a%20b.bin"), 200);
  assert.equal(await rawStatus(origin, "/d/..hidden"), 200, "a name may begin with dots");
  assert.equal((await get(`${origin}/d/${encodeURIComponent("100% é+#?.bin")}`)).status, 200);
  store.resetLog();
  for (const path of [
    "/private/a.bin", "/publicity/a.bin", "/", "/public/../private/a.bin", "/public/%2e%2e/private/a.bin", "/public/.%2E/private/a.bin",
    "/public/..%2fprivate/a.bin", "/public/%2e%2e%2fprivate/a.bin", "/public/..\\private\\a.bin", "/public/..%5cprivate%5ca.bin",
    "/public/%252e%252e/../../private/a.bin", "//private/a.bin", "/public%2f..%2fprivate/a.bin", "/public/./../private/a.bin",
    "/public/a%00.bin", "/public/%", "/public/%ff", "/public//a%20b.bin", "/PUBLIC/a%20b.bin", "/public/", "/?proxyChunkId=1,01637037d6", "/public/a;/../../private/a.bin",
  ]) assert.equal(await rawStatus(origin, path), 404, path);
  assert.deepEqual(store.requests.map(({ url }) => url), [], "the filer gets no request");
  // A path that is encoded twice is the name of a missing file; so is a directory.
  for (const path of ["/public/%252e%252e%252fprivate", "/public"]) assert.equal(await rawStatus(origin, path), 404, path);
});

// F169
test("the filer's own folders are served only by their name", async () => {
  for (const [prefixes, status] of [["/", 404], ["/public /", 404], ["/etc", 200], ["/ /topics/.system /etc/seaweedfs", 200]]) {
    const { store, origin } = await startGateway(null, { ALLOW_PREFIXES: prefixes });
    for (const path of ["/etc/seaweedfs/filer.conf", "/topics/.system/log/1", "/etcetera", "/a/etc"]) store.addFile({ ...FILE, path });
    assert.equal((await get(`${origin}/etc/seaweedfs/filer.conf`)).status, status, prefixes);
    assert.equal(await rawStatus(origin, "/%65tc/seaweedfs/filer.conf"), status, prefixes);
    assert.equal((await get(`${origin}/topics/.system/log/1`)).status, prefixes.includes("topics") ? 200 : 404, prefixes);
    for (const path of ["/etcetera", "/a/etc"]) assert.equal((await get(origin + path)).status, prefixes.includes("/ ") || prefixes.endsWith("/") ? 200 : 404, path);
  }
});

test("the client's query and headers do not reach the servers", async () => {
  const { store, origin } = await startGateway(null);
  store.addFile(FILE);
  const headers = { authorization: "Bearer secret", cookie: "AT=secret", "x-any": "secret" };
  assert.equal((await get(`${origin}${PATH}?metadata=true&jwt=secret&proxyChunkId=1,01`, { headers })).status, 200);
  assert.ok(store.requests.length > 1);
  for (const { url, headers } of store.requests) assert.doesNotMatch(url + JSON.stringify(headers), /secret/);
});

test("only configured origins are contacted", async () => {
  const rogue = await startRogue();
  const { fileIds } = rogue.addFile(FILE);
  const stolen = `${rogue.volumes[0]}/${fileIds[0]}`;
  const { store, origin } = await startGateway(null, ({ master, volumes }) => ({ MASTER: master, ALLOWED_ORIGINS: volumes[1] }));
  store.addFile({ ...FILE, replicas: [0, 1] });
  store.addFile({ ...FILE, path: "/public/0.bin", replicas: [0] });
  store.addFile({ ...FILE, path: "/public/1.bin", replicas: [1] });
  // A replica that is not allowed is skipped.
  const both = await get(origin + PATH);
  assert.deepEqual([both.status, both.bytes.equals(bytes)], [200, true]);
  assert.ok(store.requests.every(({ server }) => server !== "volume0"));
  const none = await get(`${origin}/public/0.bin`);
  assert.deepEqual([none.status, json(none).code], [502, "origin"]);
  assert.ok(store.requests.every(({ server }) => server !== "volume0"));
  assert.doesNotMatch(none.bytes.toString(), /127\.0\.0\.1|localhost/, "the answer does not name the server");

  // The master names another server, or the metadata address of a cloud.
  const path = /^\/dir\/lookup/;
  for (const address of [new URL(rogue.volumes[0]).host, "169.254.169.254", `user@${new URL(store.volumes[1]).host}`]) {
    const lie = store.fault({ server: "master", path }, { status: 200, body: JSON.stringify({ locations: [{ url: address, publicUrl: address }] }) });
    const answer = await get(`${origin}/public/1.bin`);
    assert.equal(answer.status, 502, address);
    lie.remove();
  }
  // A volume server, the filer and the master redirect to another server.
  for (const [server, redirect] of [["volume1", stolen], ["filer", `${rogue.filer}${PATH}?metadata=true`], ["master", `${rogue.master}/dir/lookup?volumeId=1`]]) {
    for (const status of [301, 302, 307, 308]) {
      const lie = store.fault({ server }, { redirect, status });
      const answer = await get(`${origin}/public/1.bin`);
      assert.equal(answer.status, 502, `${server} ${status}`);
      lie.remove();
    }
  }
  // A file id in the entry is a path.
  for (const id of ["3,x/../../status", `@${new URL(rogue.filer).host}/3,01637037d6`, "//169.254.169.254/3,01637037d6"]) {
    const { entry } = store.addFile({ ...FILE, path: "/public/lie.bin" });
    store.addEntry("/public/lie.bin", entry.replaceAll(/"file_id":"[^"]*"/g, `"file_id":${JSON.stringify(id)}`));
    assert.ok((await get(`${origin}/public/lie.bin`)).status >= 400, id);
  }
  assert.deepEqual(rogue.requests, [], "it got no request");
});

test("a redirect to a configured origin is followed", async () => {
  const { store, origin } = await startGateway(null, ({ volumes }) => ({ ALLOWED_ORIGINS: volumes.join() }));
  const { fileIds } = store.addFile({ ...FILE, chunkSize: 3000 });
  store.fault({ server: "filer", fileId: fileIds[0] }, { redirect: `${store.volumes[0]}/${fileIds[0]}`, status: 301 });
  const { status, bytes: body } = await get(origin + PATH);
  assert.deepEqual([status, body.equals(bytes)], [200, true]);
  store.fault({ server: "volume0" }, { redirect: `${store.volumes[0]}/${fileIds[0]}` });
  assert.equal((await get(origin + PATH)).status, 502, "a redirect loop ends");
});

for (const direct of ["no", "yes"]) test(`each chunk and each entry get a token: DIRECT = ${direct}`, async () => {
  const { store, origin } = await startGateway("jwt", ({ jwt, master, volumes }) =>
    ({ MASTER: master, ALLOWED_ORIGINS: volumes.join(), READ_SECRET: jwt.read, FILER_SECRET: jwt.filerRead, DIRECT: direct }));
  const { sha256: right } = store.addFile({ path: "/several.bin", bytes, chunkSize: 200 });
  assert.equal(sha256((await get(`${origin}/several.bin`)).bytes), right);
  for (const { path, size, sha256, expect } of store.cases) {
    if (expect || !sha256) continue;
    const { status, bytes: body } = await get(origin + encoded(path));
    assert.deepEqual([status, body.length], [200, size], path);
  }
  const claims = ({ url }) => JSON.parse(Buffer.from(new URL(url, "http://x").searchParams.get("jwt").split(".")[1], "base64url"));
  const now = Date.now() / 1000;
  const chunks = chunksOf(store).filter(({ server }) => server.startsWith("volume"));
  assert.ok(chunks.length > 0);
  for (const record of chunks) {
    const { fid, exp } = claims(record);
    assert.equal(fid, record.fileId);
    assert.ok(exp > now - 10 && exp < now + 11, `exp ${exp - now}`);
  }
  const [entry] = store.requests;
  assert.deepEqual(claims(entry).allowed_prefixes, [decodeURIComponent(entry.path)]);
  assert.deepEqual(claims(entry).allowed_methods, ["GET", "HEAD"]);
});

for (const direct of ["no", "yes"]) test(`relayed chunks get a token of the filer: DIRECT = ${direct}`, async () => {
  const { store, origin } = await startGateway("jwt", ({ jwt }) => ({ READ_SECRET: jwt.read, FILER_SECRET: jwt.filerRead, DIRECT: direct }));
  const { sha256: right } = store.addFile({ path: "/several.bin", bytes, chunkSize: 500 });
  assert.equal(sha256((await get(`${origin}/several.bin`)).bytes), right);
  const chunks = chunksOf(store);
  assert.equal(chunks.length, 6);
  for (const { url } of chunks) {
    const { allowed_prefixes: prefixes, allowed_methods: methods } = verifyToken(new URL(url, "http://x").searchParams.get("jwt"), store.jwt.filerRead);
    assert.deepEqual([prefixes, methods], [["/"], ["GET"]]);
  }
});

test("with a wrong secret the answer is 403, and contains no token", async () => {
  const { store, origin } = await startGateway("jwt", ({ master, volumes, jwt }) =>
    ({ MASTER: master, ALLOWED_ORIGINS: volumes.join(), READ_SECRET: "wrong", FILER_SECRET: jwt.filerRead }));
  const { path } = store.cases.find(({ expect, size, sha256 }) => !expect && sha256 && size > 100);
  const { status, bytes: body } = await get(origin + encoded(path));
  assert.equal(status, 403);
  assert.doesNotMatch(body.toString(), /eyJ|jwt=/);
});

test("a misconfigured gateway answers 500 without the reason", async () => {
  for (const vars of [{ PUBLIC: "" }, { ALLOW_PREFIXES: "" }, { FILER: "" }, { FILER: "http://user:secret@127.0.0.1" }, { FILER: "ftp://x" }, { SUBREQUESTS: "1" }, { SUBREQUESTS: "x" }, { MASTER: "x" }, { VERIFY: "on" }, { DIRECT: "on" }, { SSE_KEK: "secret" },
    { URL_KEYS: "secret" }, { URL_KEYS: "one:secret" }, { URL_KEYS: `one:${"s".repeat(32)} one:${"t".repeat(32)}` }, { HOSTS: "https://x" }, { URL_MAX_AGE: "0" }, { AUDIT: "on" },
  ]) {
    const { store, origin } = await startGateway(null, vars);
    store.addFile(FILE);
    const answer = await get(origin + PATH);
    assert.equal(answer.status, 500, JSON.stringify(vars));
    assert.equal(store.requests.length, 0);
    assert.doesNotMatch(answer.bytes.toString(), /FILER|SECRET|secret/);
  }
});

// F168
test("VERIFY = strict with DIRECT = yes is misconfigured", async () => {
  for (const [DIRECT, status] of [["yes", 500], ["no", 200], ["", 200]]) {
    const { store, origin } = await startGateway(null, { VERIFY: "strict", DIRECT });
    store.addFile(FILE);
    assert.equal((await get(origin + PATH)).status, status, DIRECT);
  }
});

// F167
test("a page of another origin reads problems, and may ask first", async () => {
  const { store, origin } = await startGateway(null, { CORS: "https://app.example" });
  store.addFile(FILE);
  const asked = await get(origin + PATH, { method: "OPTIONS", headers: { origin: "https://app.example", "access-control-request-method": "GET", "access-control-request-headers": "range,if-range" } });
  assert.deepEqual([asked.status, asked.bytes.length], [204, 0]);
  assert.match(asked.headers.get("access-control-allow-headers"), /Range.*If-Range/);
  assert.equal(store.requests.length, 0);
  for (const [path, options, status] of [[PATH, {}, 200], ["/public/none", {}, 404], ["/%ff", {}, 404], [PATH, { method: "POST" }, 405], [PATH, { method: "OPTIONS" }, 204], [PATH, { headers: { range: "bytes=9000-" } }, 416]]) {
    const answer = await get(origin + path, options);
    assert.deepEqual([answer.status, answer.headers.get("access-control-allow-origin")], [status, "https://app.example"], path);
  }
  const closed = await startGateway(null);
  const refused = await get(closed.origin + PATH, { method: "OPTIONS" });
  assert.deepEqual([refused.status, refused.headers.get("access-control-allow-origin"), refused.headers.get("allow")], [204, null, "GET, HEAD, OPTIONS"]);
});

// F170
test("a problem names no server and no URL", async () => {
  const { store, origin } = await startGateway(null, ({ master, volumes }) => ({ MASTER: master, ALLOWED_ORIGINS: volumes.join() }));
  const { fileIds, entry } = store.addFile(FILE);
  store.addEntry("/public/broken", entry.slice(0, 200));
  const asked = [[{ server: "filer" }, { status: 503 }], [{ server: "filer" }, { refuse: true }], [{ server: "filer" }, { status: 401 }], [{ server: "master" }, { status: 500 }], [{ fileId: fileIds[0] }, { status: 404 }], [{ fileId: fileIds[0] }, { status: 503 }]];
  for (const [match, action] of [...asked, [{ server: "none" }, {}]]) {
    const fault = store.fault(match, action);
    const answer = await get(match.server === "none" ? `${origin}/public/broken` : origin + PATH);
    assert.ok(answer.status >= 400, `${JSON.stringify([match, action])}: ${answer.status}`);
    const text = answer.bytes.toString();
    assert.doesNotMatch(text, /127\.0\.0\.1|localhost|https?:|metadata=|public/, text);
    fault.remove();
  }
});
