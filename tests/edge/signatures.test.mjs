// Signed URLs: keys, times, hosts and methods; and who gets how many downloads of one.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { signedUrl } from "../../gateway/sign.mjs";
import { importModule } from "./gateway-module.mjs";
import { closeAll, get, json, KEYS, noise, now, plenty, signed, startGateway, URL_KEYS } from "./support.mjs";

after(closeAll);

const { grantOf } = await importModule("signature.ts");
const { attachment } = await importModule("disposition.ts");

const bytes = noise("gate", 3000);
const FILE = { path: "/public/a b.bin", bytes, chunkSize: 1000 };
const PATH = "/public/a%20b.bin";

// F171
test("a signed URL gives access to its path only, until it expires", async () => {
  const { store, origin } = await startGateway(null, { URL_KEYS, PUBLIC: "" });
  store.addFile(FILE);
  store.addFile({ ...FILE, path: "/public/other.bin" });
  const good = signed(origin, PATH);
  const { status, bytes: body } = await get(good);
  assert.deepEqual([status, body.equals(bytes)], [200, true]);
  assert.equal((await get(good, { method: "HEAD" })).status, 200, "HEAD by the signature of GET");
  assert.equal((await get(good, { headers: { range: "bytes=1-2" } })).status, 206);
  // The same path in another spelling, another key, clocks that differ by less than a minute, and what is not signed.
  for (const url of [good.replace("/public", "/x/../%70ublic"), signed(origin, PATH, { key: "two" }), signed(origin, PATH, { issued: now() + 50 }), signed(origin, PATH, { issued: now() - 100, expires: now() - 50 }), `${good}&x=1`]) {
    assert.equal((await get(url)).status, 200, url);
  }
  assert.equal((await get(signed(origin, PATH, { method: "HEAD" }), { method: "HEAD" })).status, 200);
  store.resetLog();
  const url = new URL(good);
  const without = (name) => { const other = new URL(good); other.searchParams.delete(name); return other.href; };
  const { signature, expires, issued } = Object.fromEntries(url.searchParams);
  const lastBits = signature.slice(0, -1) + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".charAt("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".indexOf(signature.at(-1)) + 1);
  for (const bad of [
    origin + PATH, without("key"), without("issued"), without("expires"), without("signature"), `${origin}/public/other.bin${url.search}`,
    signed(origin, PATH, { issued: now() - 200, expires: now() - 61 }), signed(origin, PATH, { issued: now() + 70 }), signed(origin, PATH, { secret: "another" }),
    signed(origin, PATH, { issued: now(), expires: now() - 1 }), signed(origin, PATH, { expires: now() + 7 * 86_400 + 5 }), signed(origin, PATH, { issued: now() - 3000 * 86_400, expires: now() + 60 }),
    signed(origin, PATH, { host: "other.example" }), signed(origin, PATH, { method: "HEAD" }), signed(origin, PATH, { method: "POST" }),
    signed(origin, PATH, { as: { key: "two" } }), signed(origin, PATH, { as: { key: "three" } }), signed(origin, PATH, { as: { key: "" } }),
    signed(origin, PATH, { as: { issued: issued - 1 } }), signed(origin, PATH, { as: { expires: `0${expires}` } }), signed(origin, PATH, { as: { expires: "9e99" } }),
    `${good}&download=x`, `${good}&download`, signed(origin, PATH, { download: "a", as: { download: "b" } }),
    `${good}&signature=x`, `${good}&key=one`, `${good}&expires=${expires}`, signed(origin, PATH, { as: { signature: lastBits } }), signed(origin, PATH, { as: { signature: `${signature}=` } }), signed(origin, PATH, { as: { signature: signature.slice(0, -1) } }), signed(origin, PATH, { as: { signature: "" } }),
    `${origin}${PATH}?expires=${now() + 60}&signature=${createHmac("sha256", KEYS.one).update(`${PATH}\n${now() + 60}`).digest("base64url")}`,
  ]) {
    const refused = await get(bad);
    assert.deepEqual([refused.status, refused.headers.get("content-type")], [403, "application/problem+json"], bad);
    assert.equal(json(refused).status, 403);
  }
  assert.equal(store.requests.length, 0, "no request is made for an unsigned URL");
});

test("the former form is accepted while URL_SECRET is set", async () => {
  const secret = "former";
  const former = (expires) => `${PATH}?expires=${expires}&signature=${createHmac("sha256", secret).update(`${PATH}\n${expires}`).digest("base64url")}`;
  const both = await startGateway(null, { URL_KEYS, URL_SECRET: secret, PUBLIC: "" });
  const only = await startGateway(null, { URL_SECRET: secret, PUBLIC: "" });
  for (const { store, origin } of [both, only]) {
    store.addFile(FILE);
    assert.equal((await get(origin + former(now() + 60))).status, 200);
    for (const [expires, more] of [[now() - 61, ""], [now() + 8 * 86_400, ""], [now() + 60, "&download=x"], [now() + 60, "&key=one"]]) assert.equal((await get(origin + former(expires) + more)).status, 403);
  }
  assert.equal((await get(signed(both.origin, PATH))).status, 200);
  assert.equal((await get(signed(only.origin, PATH))).status, 403);
});

test("only the listed hosts are served", async () => {
  const { store, origin } = await startGateway(null, { HOSTS: "files.example.com files.example.com:8443" });
  store.addFile(FILE);
  assert.equal((await get(origin + PATH)).status, 421);
  const open = await startGateway(null, { HOSTS: new URL(origin).host });
  open.store.addFile(FILE);
  assert.equal((await get(open.origin + PATH)).status, 421, "another port");
});

test("the script signs what the gateway accepts", async () => {
  const { store, origin } = await startGateway(null, { URL_KEYS, PUBLIC: "" });
  store.addFile(FILE);
  for (const options of [{}, { key: "two" }, { download: "a b.bin" }, { seconds: 10 }]) {
    const url = signedUrl(`${origin}/public/a b.bin`, { keys: URL_KEYS, ...options });
    assert.equal((await get(url)).status, 200, url);
  }
  assert.throws(() => signedUrl(origin + PATH, { keys: URL_KEYS, key: "three" }), /three/);
});

test("a signature is checked against the clock of the gateway", async () => {
  const keys = { urlKeys: new Map(Object.entries(KEYS)), urlSecret: null, maxAge: 100 };
  const origin = "https://files.example.com";
  const url = new URL(signed(origin, "/a", { issued: 1000, expires: 1100 }));
  for (const [at, isValid] of [[939, false], [941, true], [1000, true], [1159, true], [1160, false]]) {
    const grant = await grantOf("GET", url, { plain: "/a", encoded: "/a" }, keys, at);
    assert.equal(grant?.key, isValid ? "one" : undefined, String(at));
  }
});

// F172
test("a file is saved under its name or the one that was signed", async () => {
  const { store, origin } = await startGateway(null, { URL_KEYS, PUBLIC: "" });
  store.addFile(FILE);
  const saved = async (download, method = "GET") => (await get(signed(origin, PATH, { download }), { method })).headers.get("content-disposition");
  assert.equal(await saved(""), `attachment; filename="a b.bin"; filename*=UTF-8''a%20b.bin`);
  assert.equal(await saved("x.bin"), "attachment; filename=x.bin");
  assert.equal(await saved("x.bin", "HEAD"), "attachment; filename=x.bin");
  assert.equal(await saved("../é\u202e\r\nX: y\";\\"), `attachment; filename="____X: y\\";_"; filename*=UTF-8''%C3%A9___X%3A%20y%22%3B_`);
  assert.match(await saved(null), /^inline/);
});

// F201
test("a saved name is written as the core writes it", () => {
  const cases = JSON.parse(readFileSync(new URL("../fixtures/dispositions.json", import.meta.url)));
  for (const { name, header } of cases) assert.equal(attachment(name), header, name);
  assert.equal(attachment(`é${"x".repeat(300)}.txt`).match(/x/g).length, 2 * 254);
  assert.equal(attachment("a\ud800b"), `attachment; filename="a_b"; filename*=UTF-8''a%EF%BF%BDb`);
});

for (const DIRECT of ["no", "yes"]) {
  // F173
  test(`a signed URL has a limit of downloads at a time: DIRECT = ${DIRECT}`, async () => {
    const { store, origin } = await startGateway(null, { URL_KEYS, PUBLIC: "", URL_DOWNLOADS: "2", DIRECT });
    store.addFile({ path: "/f.bin", bytes: plenty(1), chunkSize: 2 ** 18 });
    store.latency = 300;
    const one = signed(origin, "/f.bin");
    const answers = await Promise.all([one, one, one, signed(origin, "/f.bin", { key: "two" })].map((url) => get(url)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 429]);
    assert.equal(answers.find(({ status }) => status === 429).headers.get("retry-after"), "1");
    assert.equal((await get(one)).status, 200, "ended downloads do not count");
  });
}
