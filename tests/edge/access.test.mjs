// Which requests are served, and which servers are contacted.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { verifyToken } from "../store/jwt.mjs";
import { chunksOf, closeAll, encoded, get, json, noise, rawStatus, sha256, signed, startGateway, startRogue, URL_SECRET } from "./support.mjs";

after(closeAll);

const bytes = noise("gate", 3000);
const FILE = { path: "/public/a b.bin", bytes, chunkSize: 1000 };
const PATH = "/public/a%20b.bin";

test("a signed URL gives access to its path only, until it expires", async () => {
  const { store, origin } = await startGateway(null, { URL_SECRET, PUBLIC: "" });
  store.addFile(FILE);
  store.addFile({ ...FILE, path: "/public/other.bin" });
  const good = signed(PATH);
  const { status, bytes: body } = await get(origin + good);
  assert.deepEqual([status, body.equals(bytes)], [200, true]);
  assert.equal((await get(origin + good, { method: "HEAD" })).status, 200, "HEAD by the same signature");
  assert.equal((await get(origin + good, { headers: { range: "bytes=1-2" } })).status, 206);
  // The same path in another spelling.
  assert.equal((await get(origin + good.replace("/public", "/x/../%70ublic"))).status, 200);
  store.resetLog();
  const query = good.slice(good.indexOf("?"));
  const [, expires] = /expires=(\d+)/.exec(query);
  const signature = query.slice(query.lastIndexOf("=") + 1);
  for (const url of [
    PATH, `${PATH}?expires=${expires}`, `${PATH}?signature=${signature}`, `/public/other.bin${query}`,
    signed(PATH, { expires: Math.floor(Date.now() / 1000) - 1 }), signed(PATH, { secret: "another" }),
    good.replace(expires, String(Number(expires) + 1)), good.replace(expires, `0${expires}`), good.replace(expires, `${expires}.5`), good.replace(expires, "9e99"),
    good.replace(expires, ""), `${good}x`, good.slice(0, -1), `${PATH}?expires=${expires}&signature=%00`, `${PATH}?expires=${expires}&signature=`,
  ]) {
    const refused = await get(origin + url);
    assert.deepEqual([refused.status, refused.headers.get("content-type")], [403, "application/problem+json"], url);
    assert.equal(json(refused).status, 403);
  }
  assert.equal(store.requests.length, 0, "no request is made for an unsigned URL");
});

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
  for (const vars of [{ PUBLIC: "" }, { ALLOW_PREFIXES: "" }, { FILER: "" }, { FILER: "http://user:secret@127.0.0.1" }, { FILER: "ftp://x" }, { SUBREQUESTS: "1" }, { SUBREQUESTS: "x" }, { MASTER: "x" }, { VERIFY: "on" }, { DIRECT: "on" }, { SSE_KEK: "secret" }]) {
    const { store, origin } = await startGateway(null, vars);
    store.addFile(FILE);
    const answer = await get(origin + PATH);
    assert.equal(answer.status, 500, JSON.stringify(vars));
    assert.equal(store.requests.length, 0);
    assert.doesNotMatch(answer.bytes.toString(), /FILER|SECRET|secret/);
  }
});
