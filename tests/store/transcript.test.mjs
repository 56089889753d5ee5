// The stand-in responds to every recorded request as the real SeaweedFS did.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http from "node:http";
import { test } from "node:test";
import { loadTranscript, startStore } from "./index.mjs";
import { readClaims } from "./jwt.mjs";

/** The number of requests in each capture, so that none is lost. The capture of s3 has files only. */
const RECORDED = { plain: 50, cipher: 43, jwt: 56, s3: 0 };

// Headers that are not compared, and why.
const LEFT_OUT = {
  date: "the time of the answer",
  connection: "of the connection, not of the answer: the capture closed each one",
  "keep-alive": "as above",
};

/** Headers whose values differ each time: normalized before the comparison. */
const NORMALISED = {
  "x-amz-request-id": () => "<any>", // random; only its count is compared
  "content-type": (value) => value.replace(/boundary=[0-9a-f]{60}$/, "boundary=<any>"),
  authorization: (value) => JSON.stringify({ ...readClaims(value.replace("Bearer ", "")), exp: "<any>" }),
};

for (const [name, count] of Object.entries(RECORDED)) {
  test(`${name}: every recorded request gets its recorded response`, { timeout: 30_000 }, async (t) => {
    const transcript = loadTranscript(name);
    const store = await startStore({ cluster: name });
    t.after(() => store.close());
    const killed = new Set();
    let compared = 0;
    for (const exchange of transcript) {
      await killAsTold(store, exchange.what, killed);
      const answer = await ask(fill(exchange.url, store), exchange);
      assert.deepEqual(described(answer, exchange), recorded(exchange, store), `${name}: ${exchange.what}`);
      compared++;
    }
    assert.equal(compared, count);
    t.diagnostic(`${name}: ${compared} of ${transcript.length} recorded requests compared`);
  });
}

test("tokens of the master are signed with the read or write key", { timeout: 10_000 }, async (t) => {
  const store = await startStore({ cluster: "jwt" });
  t.after(() => store.close());
  const fileId = "2,0145f2e884";
  for (const [query, status] of [["&read=yes", 200], ["", 401]]) {
    const lookup = await fetch(`${store.master}/dir/lookup?fileId=${fileId}${query}`);
    const token = lookup.headers.get("authorization").replace("Bearer ", "");
    const chunk = await fetch(`${store.volumes[0]}/${fileId}?jwt=${token}`);
    assert.equal(chunk.status, status);
    await chunk.arrayBuffer();
  }
});

/** "volume2 killed: ..." and "both replicas killed: ..." (the second one of volume 5 is volume0). */
async function killAsTold(store, what, killed) {
  const index = /^volume(\d) killed:/.exec(what)?.[1] ?? (what.startsWith("both replicas killed:") ? "0" : undefined);
  if (index === undefined || killed.has(index)) return;
  killed.add(index);
  await store.killVolume(Number(index));
}

function addressOf(store, name) {
  const index = /^volume(\d)$/.exec(name)?.[1];
  return new URL(index === undefined ? store[name] : store.volumes[index]).host;
}

const fill = (text, store) => text.replace(/\{(filer|master|volume\d)\}/g, (_, name) => addressOf(store, name));

// Raw HTTP: fetch would add headers, and cannot send Origin.
function ask(url, { method, request }) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const path = url.slice(url.indexOf("/", "http://".length));
    const sent = http.request({ hostname, port, path, method, headers: request, agent: false }, (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, raw: response.rawHeaders, body: Buffer.concat(pieces) }));
    });
    sent.on("error", (error) => resolve({ error: error.code }));
    sent.end();
  });
}

function described({ error, status, raw, body }, exchange) {
  if (error) return { error };
  const pairs = raw.flatMap((name, i) => (i % 2 ? [] : [[name, raw[i + 1]]]));
  return { status, headers: comparable(pairs), body: bodyLike(sameBoundary(body, pairs, exchange), exchange) };
}

/** The body as in the transcript: as text, or as length and digest. */
function bodyLike(body, exchange) {
  if (exchange.body !== undefined) return body.toString();
  return { length: body.length, sha256: createHash("sha256").update(body).digest("hex") };
}

const EMPTY_SHA256 = createHash("sha256").digest("hex");

function recorded({ error, status, response, body, bodyLength = 0, bodySha256 = EMPTY_SHA256 }, store) {
  if (error) return { error };
  const text = body === undefined ? { length: bodyLength, sha256: bodySha256 } : fill(body, store);
  return { status, headers: comparable(withLengthOf(response, body, text)), body: text };
}

// The length of bodies that contain addresses depends on the ports.
function withLengthOf(headers, body, filled) {
  if (body === undefined || body === filled) return headers;
  return headers.map(([name, value]) => (name === "Content-Length" ? [name, String(Buffer.byteLength(filled))] : [name, value]));
}

function comparable(pairs) {
  return pairs.map(([name, value]) => [name.toLowerCase(), value])
    .filter(([name]) => !(name in LEFT_OUT))
    .map(([name, value]) => `${name}: ${NORMALISED[name]?.(value) ?? value}`)
    .sort();
}

// A multipart boundary is random: with the recorded one, the body must have the recorded digest.
function sameBoundary(body, pairs, { response }) {
  const ours = boundaryOf(pairs);
  const theirs = boundaryOf(response ?? []);
  return ours && theirs ? Buffer.from(body.toString("latin1").replaceAll(ours, theirs), "latin1") : body;
}

const boundaryOf = (pairs) =>
  /boundary=(.+)$/.exec(pairs.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "")?.[1];
