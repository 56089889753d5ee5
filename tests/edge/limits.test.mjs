// Limits of a worker: subrequests, connections, memory; and that requests end when the client leaves.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { chunksOf, closeAll, encoded, get, json, noise, plenty, quiet, sha256, startGateway, until, untilStill } from "./support.mjs";

after(closeAll);

const MIB = 2 ** 20;
const KIB = 2 ** 10;

// F115
test("too many subrequests: a shorter 206 for a range, else a 507", async () => {
  const { store, origin } = await startGateway(null, { SUBREQUESTS: "20" });
  const bytes = noise("many", 100 * KIB);
  store.addFile({ path: "/many.bin", bytes, chunkSize: KIB });
  const url = `${origin}/many.bin`;
  const whole = await get(url);
  const { detail, ...problem } = json(whole);
  assert.match(detail, /ranges/);
  // The entry, each chunk, and a reserve of one in ten.
  assert.deepEqual(problem, {
    type: "about:blank", title: "Insufficient Storage", status: 507, code: "subrequests", needed: 111, allowed: 20, atLeast: false, fits: 17 * KIB, size: 100 * KIB,
  });
  assert.equal(whole.headers.get("content-type"), "application/problem+json");
  assert.equal(chunksOf(store).length, 0, "no chunk is fetched");
  assert.equal((await get(url, { method: "HEAD" })).status, 200, "HEAD needs no chunk");
  // A client that follows Content-Range gets the whole file.
  const pieces = [];
  for (let at = 0; at < bytes.length;) {
    store.resetLog();
    const { status, headers, bytes: body } = await get(url, { headers: { range: `bytes=${at}-` } });
    assert.equal(status, 206);
    assert.equal(headers.get("content-range"), `bytes ${at}-${at + body.length - 1}/${bytes.length}`);
    assert.equal(headers.get("content-length"), String(body.length));
    assert.ok(store.requests.length <= 20, `${store.requests.length} subrequests`);
    assert.ok(body.length === Math.min(17 * KIB, bytes.length - at), `${body.length} bytes at ${at}`);
    pieces.push(body);
    at += body.length;
  }
  assert.ok(Buffer.concat(pieces).equals(bytes));
  // A range that fits is complete; another is cut at the end of a chunk.
  assert.equal((await get(url, { headers: { range: "bytes=500-9000" } })).bytes.length, 8501);
  assert.equal((await get(url, { headers: { range: "bytes=500-90000" } })).headers.get("content-range"), `bytes 500-${17 * KIB - 1}/${bytes.length}`);
  // The file has changed since, so the range does not count, and the whole file does not fit.
  assert.equal((await get(url, { headers: { range: "bytes=0-9", "if-range": '"other"' } })).status, 507);
});

test("lookups at a master count as subrequests", async () => {
  const { store, origin } = await startGateway(null, ({ master, volumes }) => ({ SUBREQUESTS: "20", MASTER: master, ALLOWED_ORIGINS: volumes.join() }));
  const chunks = Array.from({ length: 50 }, (_, i) => ({ bytes: noise(`c${i}`, KIB), replicas: [i % 3] }));
  store.addFile({ path: "/spread.bin", chunks });
  const { status, bytes } = await get(`${origin}/spread.bin`, { headers: { range: "bytes=0-" } });
  assert.equal(status, 206);
  assert.equal(bytes.length, 14 * KIB, "of 20: an entry, 3 lookups, 14 chunks, 2 in reserve");
  assert.equal(store.requests.length, 18);
});

test("chunks of chunk manifests are counted before the answer", async () => {
  const { store, origin } = await startGateway("plain", { SUBREQUESTS: "400" });
  const { path, size, sha256: right } = store.cases.find(({ name }) => name === "nested-manifest");
  const whole = await get(origin + encoded(path));
  assert.equal(whole.status, 507);
  const { needed, allowed } = json(whole);
  assert.ok(needed > allowed, `${needed} of ${allowed}`);
  const pieces = [];
  for (let at = 0; at < size;) {
    store.resetLog();
    const { status, bytes } = await get(origin + encoded(path), { headers: { range: `bytes=${at}-` } });
    assert.equal(status, 206, `at ${at}`);
    assert.ok(store.requests.length <= 400, `${store.requests.length} subrequests`);
    pieces.push(bytes);
    at += bytes.length;
  }
  assert.ok(pieces.length > 1);
  assert.equal(sha256(Buffer.concat(pieces)), right);
});

test("if failures use up the subrequests, the body breaks", async () => {
  const { store, origin } = await startGateway(null, { SUBREQUESTS: "12" });
  store.addFile({ path: "/f.bin", bytes: noise("f", 9 * KIB), chunkSize: KIB });
  store.fault({ server: "filer", when: ({ fileId }) => fileId !== null, times: 1 }, { status: 500 });
  assert.equal((await get(`${origin}/f.bin`)).bytes.length, 9 * KIB, "the reserve covers one failure");
  let chunk = 0;
  const fault = store.fault({ server: "filer", when: ({ fileId }) => fileId !== null && chunk++ >= 4 }, { status: 500 });
  store.resetLog();
  await assert.rejects(get(`${origin}/f.bin`), TypeError);
  assert.ok(store.requests.length <= 12, `${store.requests.length} subrequests`);
  fault.remove();
});

test("at most six connections are open at a time", async () => {
  for (const vars of [() => ({}), ({ master, volumes }) => ({ MASTER: master, ALLOWED_ORIGINS: volumes.join() })]) {
    const { store, origin } = await startGateway(null, vars);
    const chunks = Array.from({ length: 60 }, (_, i) => ({ bytes: noise(`c${i}`, 32 * KIB), replicas: [i % 3] }));
    store.addFile({ path: "/f.bin", chunks });
    store.latency = 10;
    assert.equal((await get(`${origin}/f.bin`)).bytes.length, 60 * 32 * KIB);
    assert.ok(store.peakInFlight <= 6 && store.peakInFlight >= 4, `${store.peakInFlight} at a time`);
  }
});

// F107
test("a client that leaves stops the subrequests", async () => {
  const { store, origin } = await startGateway(null, { MEMORY_MIB: "4" });
  store.addFile({ path: "/f.bin", bytes: plenty(32), chunkSize: 256 * KIB });
  for (const [latency, wait] of [[3000, 0], [0, 1]]) {
    store.latency = latency;
    store.rate = 2 * MIB;
    // More rounds than the memory budget allows if it were not given back.
    for (let round = 0; round < 6; round++) {
      store.resetLog();
      const client = request(`${origin}/f.bin`).on("error", () => {}).end();
      if (wait) {
        const [response] = await once(client, "response");
        response.on("error", () => {});
        await once(response, "data");
      } else {
        await until(() => chunksOf(store).length > 0, "chunks are requested");
      }
      // workerd does not notice a connection that is closed without a reset.
      client.socket.resetAndDestroy();
      await quiet(store);
      const asked = store.requests.length;
      await sleep(50);
      assert.equal(store.requests.length, asked, "nothing starts later");
      assert.ok(store.requests.some(({ state }) => state === "aborted"), "the bodies were aborted");
    }
  }
  store.latency = 0;
  store.rate = 0;
  assert.equal((await get(`${origin}/f.bin`)).bytes.length, 32 * MIB, "the gateway still serves");
});

test("a slow client limits how much is fetched", { timeout: 60_000 }, async () => {
  for (const cipher of [false, true]) {
    const { store, origin } = await startGateway(null);
    const { sha256: right } = store.addFile({ path: "/f.bin", bytes: plenty(40), chunkSize: MIB, cipher });
    const [response] = await once(request(`${origin}/f.bin`).end(), "response");
    response.pause();
    await untilStill(store);
    // 24 MiB of look-ahead, and the socket buffers.
    assert.ok(store.bytesSent < 36 * MIB, `${store.bytesSent} bytes were fetched for a client that reads none`);
    const pieces = [];
    for await (const piece of response) pieces.push(piece);
    assert.equal(sha256(Buffer.concat(pieces)), right, "the client gets the whole file");
  }
});

test("downloads beyond the memory budget get a 503", { timeout: 60_000 }, async () => {
  const { store, origin } = await startGateway(null);
  const files = Array.from({ length: 20 }, (_, i) => store.addFile({ path: `/${i}.bin`, bytes: Buffer.concat([noise(`f${i}`, 99), plenty(2)]), chunkSize: 128 * KIB, cipher: i % 2 === 1 }));
  store.latency = 2;
  const answers = await Promise.all(files.map(({ path }) => get(origin + path)));
  for (const [i, { status, bytes }] of answers.entries()) {
    assert.equal(status, 200);
    assert.equal(sha256(bytes), files[i].sha256, files[i].path);
  }
  const small = await startGateway(null, { MEMORY_MIB: "9", QUEUE_SECONDS: "0" });
  const { sha256: right } = small.store.addFile({ path: "/f.bin", bytes: plenty(4), chunkSize: 4 * MIB, cipher: true });
  small.store.latency = 100;
  const statuses = await Promise.all(Array.from({ length: 6 }, async () => {
    const { status, headers, bytes } = await get(`${small.origin}/f.bin`);
    if (status === 200) assert.equal(sha256(bytes), right);
    else assert.equal(headers.get("retry-after"), "1");
    return status;
  }));
  assert.ok(statuses.includes(200) && statuses.includes(503), statuses.join());
  assert.equal((await get(`${small.origin}/f.bin`)).status, 200, "the budget is given back");
});

test("a dead replica is skipped, also in the middle of a chunk", async () => {
  const { store, origin } = await startGateway(null, ({ master, volumes }) => ({ MASTER: master, ALLOWED_ORIGINS: volumes.join() }));
  const { sha256: right, fileIds } = store.addFile({ path: "/f.bin", bytes: noise("f", 2 * MIB), chunkSize: 256 * KIB, replicas: [0, 1] });
  store.fault({ fileId: fileIds[3], nth: 1 }, { cut: 100_000 });
  // The damaged chunk has arrived before the client has come to it: what was sent cannot be taken back.
  store.fault({ fileId: fileIds[3], nth: 2 }, { latency: 500 });
  store.fault({ fileId: fileIds[5], nth: 1 }, { corrupt: 100 });
  assert.equal(sha256((await get(`${origin}/f.bin`)).bytes), right);
  // The master still lists it.
  store.fault({ server: "volume0" }, { refuse: true });
  assert.equal(sha256((await get(`${origin}/f.bin`)).bytes), right);
});

/** A client that reads nothing after the first bytes of a body; `rest` reads it to its end. */
async function stalled(url) {
  const [response] = await once(request(url, { agent: false }).end(), "response");
  response.pause();
  const rest = async () => {
    const pieces = [];
    for await (const piece of response) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  return { response, rest };
}

// What the core reads, and what is passed through.
const WAYS = [["read", { cipher: true }, {}], ["passed through", {}, { VERIFY: "transit" }]];

for (const [way, about, vars] of WAYS) {
  // F175
  test(`clients that do not read give their memory back: ${way}`, { timeout: 60_000 }, async () => {
    const { store, origin } = await startGateway(null, { MEMORY_MIB: way === "read" ? "8" : "2", STALL_SECONDS: "1", ...vars });
    const { sha256: right } = store.addFile({ path: "/f.bin", bytes: plenty(40), chunkSize: MIB, ...about });
    const { sha256: other } = store.addFile({ path: "/other.bin", bytes: plenty(4), chunkSize: MIB, ...about });
    const clients = await Promise.all(Array.from({ length: 8 }, () => stalled(`${origin}/f.bin`)));
    assert.deepEqual(clients.map(({ response }) => response.statusCode), Array(8).fill(200));
    await quiet(store);
    const { status, bytes } = await get(`${origin}/other.bin`);
    assert.deepEqual([status, sha256(bytes)], [200, other]);
    for (const { rest } of clients.slice(0, 2)) assert.equal(sha256(await rest()), right, "a client that goes on gets the whole file");
    for (const { response } of clients) response.destroy();
  });
}

// F207
test("after a stall the digest of a chunk continues", { timeout: 60_000 }, async () => {
  const { store, origin } = await startGateway(null, { STALL_SECONDS: "1", VERIFY: "transit" });
  const { fileIds } = store.addFile({ path: "/f.bin", bytes: plenty(40), chunkSize: 20 * MIB });
  const { rest } = await stalled(`${origin}/f.bin`);
  await until(() => store.inFlight > 0, "it is fetched");
  await quiet(store);
  const { range } = chunksOf(store).at(-1);
  // Only the rest of the chunk, and only its last byte.
  store.fault({ fileId: fileIds[0] }, { corrupt: 20 * MIB - 1 });
  await assert.rejects(rest(), /aborted|hang up|reset/);
  assert.deepEqual([range, /^bytes=\d{7,}-/.test(chunksOf(store).at(-1).range)], [null, true], "the chunk was continued");
});

for (const [way, about, vars] of WAYS) {
  // F176
  test(`a client that is too slow is ended: ${way}`, { timeout: 60_000 }, async () => {
    const { store, origin } = await startGateway(null, { STALL_SECONDS: "1", CLIENT_SECONDS: "2", LEAST_RATE: "1000", ...vars });
    const { sha256: right } = store.addFile({ path: "/f.bin", bytes: plenty(40), chunkSize: MIB, ...about });
    const { rest } = await stalled(`${origin}/f.bin`);
    // What the buffers on the way take counts for the first two seconds.
    await sleep(7000);
    await assert.rejects(rest(), /aborted|hang up|reset/);
    // Slow servers are not the client's fault.
    store.addFile({ path: "/slow.bin", bytes: noise("s", 40), chunkSize: 10, ...about });
    store.latency = 1500;
    assert.equal((await get(`${origin}/slow.bin`)).bytes.length, 40);
    store.latency = 0;
    assert.equal(sha256((await get(`${origin}/f.bin`)).bytes), right);
  });
}

// F177
test("small ranges of large encrypted chunks wait in turn", { timeout: 60_000 }, async () => {
  const { store, origin } = await startGateway(null);
  const bytes = plenty(8);
  store.addFile({ path: "/f.bin", bytes, chunkSize: 8 * MIB, cipher: true });
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => get(`${origin}/f.bin`, { headers: { range: `bytes=${i}-${i}` } })));
  assert.deepEqual(answers.map(({ status, bytes: [byte] }) => [status, byte]), Array.from({ length: 12 }, (_, i) => [206, bytes[i]]));
});

// F178
test("a chunk larger than the memory is a 507, not an attempt", async () => {
  const { store, origin } = await startGateway(null, { MEMORY_MIB: "4" });
  store.addFile({ path: "/f.bin", bytes: plenty(8), chunkSize: 8 * MIB, cipher: true });
  const answer = await get(`${origin}/f.bin`, { headers: { range: "bytes=0-0" } });
  assert.deepEqual([answer.status, json(answer).code, json(answer).allowed], [507, "limit", 4 * MIB]);
  assert.equal(chunksOf(store).length, 0);
});
