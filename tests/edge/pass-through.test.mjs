// Plain chunks that are passed through without the core: what they are checked for, and what happens to a broken body.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { chunksOf, closeAll, get, noise, plenty, quiet, sha256, startBareGateway, startGateway, until, untilStill } from "./support.mjs";

after(closeAll);

const KIB = 1024;
const MIB = 2 ** 20;
const SIZE = 96 * KIB;
const CHUNK = 32 * KIB;

const fromVolumes = ({ master, volumes }) => ({ DIRECT: "yes", MASTER: master, ALLOWED_ORIGINS: volumes.join() });
/** The SHA-256 of the bytes of a 200 or 206, another status, or "broken". */
const outcome = (url, headers) => get(url, { headers }).then(({ status, bytes }) => (status < 300 ? sha256(bytes) : status), () => "broken");

/** Whether a file is passed through: then nothing but its first chunk is requested until bytes of that one have come. */
async function isPassedOn(store, url, fileId) {
  store.resetLog();
  const fault = store.fault({ fileId }, { latency: 300 });
  const answer = get(url);
  await until(() => fault.hits > 0, "the first chunk is requested");
  await sleep(150);
  const asked = chunksOf(store).length;
  await answer.catch(() => {});
  fault.remove();
  return asked === 1;
}

test("only plain chunks are passed through, with the same answer", async () => {
  for (const start of [startGateway, startBareGateway]) {
    const { store, origin } = await start(null, { DIRECT: "yes" });
    const bytes = noise("d", SIZE);
    for (const [path, about] of [["/plain.bin", {}], ["/cipher.bin", { cipher: true }], ["/gzip.bin", { gzip: true }]]) {
      const { fileIds } = store.addFile({ path, bytes, chunkSize: CHUNK, mime: "text/x", ...about });
      for (const [start, end] of [[0, SIZE], [0, CHUNK], [5, 10], [CHUNK, SIZE], [CHUNK - 1, CHUNK + 1], [1, SIZE - 1], [CHUNK - 1, 2 * CHUNK + 1]]) {
        const answer = await get(origin + path, { headers: { range: `bytes=${start}-${end - 1}` } });
        assert.equal(answer.status, 206);
        assert.ok(answer.bytes.equals(bytes.subarray(start, end)), `${path} ${start}..${end}`);
        assert.equal(answer.headers.get("content-length"), String(end - start));
        assert.equal(answer.headers.get("content-range"), `bytes ${start}-${end - 1}/${SIZE}`);
        assert.equal(answer.headers.get("content-type"), "text/x");
        assert.match(answer.headers.get("etag"), /^"/);
      }
      const whole = await get(origin + path);
      assert.deepEqual([whole.status, whole.headers.get("content-length"), whole.bytes.equals(bytes)], [200, String(SIZE), true]);
      assert.equal(await isPassedOn(store, origin + path, fileIds[0]), path === "/plain.bin", path);
    }
  }
});

test("overlapping chunks and holes are read by the core", async () => {
  const { store, origin } = await startGateway(null, { DIRECT: "yes" });
  const [a, b, c] = ["a", "b", "c"].map((name) => noise(name, CHUNK));
  const chunks = {
    overlap: [{ bytes: a }, { bytes: b, offset: CHUNK / 2 }, { bytes: c, offset: 2 * CHUNK }],
    gap: [{ bytes: a }, { bytes: b, offset: 2 * CHUNK }],
    disorder: [{ bytes: b, offset: CHUNK }, { bytes: a, offset: 0 }],
  };
  for (const [name, list] of Object.entries(chunks)) {
    const { sha256: right, fileIds } = store.addFile({ path: `/${name}`, chunks: list });
    assert.equal(sha256((await get(`${origin}/${name}`)).bytes), right, name);
    assert.equal(await isPassedOn(store, `${origin}/${name}`, fileIds[list.findIndex(({ offset = 0 }) => offset === 0)]), name === "disorder", name);
  }
  const often = Buffer.concat(Array(6).fill(a));
  const { entry } = store.addFile({ path: "/often", bytes: often, chunkSize: CHUNK });
  const [first] = entry.match(/"file_id":"[^"]+"/g);
  store.addEntry("/often", entry.replaceAll(/"file_id":"[^"]+"/g, first));
  assert.ok((await get(`${origin}/often`)).bytes.equals(often));
});

test("from a body that is not exactly its view on, the core reads", async () => {
  const { store, origin } = await startGateway(null, { DIRECT: "yes" });
  const bytes = noise("d", 6 * CHUNK);
  const chunks = Array.from({ length: 6 }, (_, i) => ({ bytes: bytes.subarray(i * CHUNK, (i + 1) * CHUNK) }));
  // As after a truncation, followed by further writes.
  chunks[3] = { bytes: Buffer.concat([chunks[3].bytes, noise("cut off", 99)]), size: CHUNK };
  const { fileIds } = store.addFile({ path: "/f.bin", chunks });
  const whole = await get(`${origin}/f.bin`);
  assert.deepEqual([whole.status, whole.bytes.equals(bytes)], [200, true]);
  // The requested length, but other bytes.
  const other = bytes.subarray(CHUNK, 2 * CHUNK - 10);
  for (const action of [{ ignoreRange: true }, { status: 206, body: other, headers: { "Content-Range": `bytes 0-${other.length - 1}/${CHUNK}` } }, { status: 200, body: other }]) {
    const lie = store.fault({ fileId: fileIds[1] }, action);
    const answer = await get(`${origin}/f.bin`, { headers: { range: `bytes=${CHUNK + 10}-${2 * CHUNK - 1}` } }).catch(() => null);
    assert.ok(answer === null || answer.status === 502 || answer.bytes.equals(bytes.subarray(CHUNK + 10, 2 * CHUNK)), `${lie.hits} ${JSON.stringify(answer)}`);
    assert.ok(lie.hits > 0);
    lie.remove();
  }
});

const CHECKED = ["stream", "transit"];
/** More than a piece, so that bytes of a chunk leave before its end is there. */
const LARGE = MIB;

for (const verify of [...CHECKED, "off"]) {
  // F207
  test(`damaged chunks do not complete a passed-through body: ${verify}`, async () => {
    const { store, origin } = await startGateway(null, { DIRECT: "yes", VERIFY: verify });
    const { sha256: right, fileIds } = store.addFile({ path: "/f.bin", bytes: plenty(3), chunkSize: LARGE });
    for (const [i, fileId] of fileIds.entries()) {
      for (const at of [5, LARGE - 1]) {
        const fault = store.fault({ fileId }, { corrupt: at });
        const seen = await outcome(`${origin}/f.bin`);
        assert.ok(seen !== right && (seen === "broken") === (verify !== "off"), `chunk ${i}, byte ${at}: ${seen}`);
        fault.remove();
      }
    }
    assert.equal(await outcome(`${origin}/f.bin`), right);
  });
}

for (const verify of CHECKED) {
  // F207
  test(`a damaged chunk none of which was sent is read again: ${verify}`, async () => {
    const { store, origin } = await startGateway(null, (store) => ({ ...fromVolumes(store), VERIFY: verify }));
    // They come in one piece.
    const { sha256: right, fileIds } = store.addFile({ path: "/f.bin", bytes: noise("d", 9 * KIB), chunkSize: 3 * KIB, replicas: [0, 1] });
    for (const fileId of fileIds) {
      const fault = store.fault({ fileId, nth: 1 }, { corrupt: 20 });
      assert.equal(await outcome(`${origin}/f.bin`), right);
      assert.ok(fault.hits > 0);
      fault.remove();
    }
  });
}

test("failover works for headers, and within a body", async () => {
  for (const chunkSize of [SIZE, CHUNK]) {
    const { store, origin } = await startGateway(null, fromVolumes);
    const { sha256: right, fileIds } = store.addFile({ path: "/f.bin", bytes: noise("d", SIZE), chunkSize, replicas: [0, 1] });
    for (const action of [{ status: 500 }, { refuse: true }]) {
      const fault = store.fault({ server: "volume0" }, action);
      for (let i = 0; i < 3; i++) assert.equal(sha256((await get(`${origin}/f.bin`)).bytes), right);
      fault.remove();
    }
    for (const fileId of new Set([fileIds[0], fileIds.at(-1)])) {
      // A body without a length may be incomplete, so the core reads it.
      for (const action of [{ cut: 1000 }, { end: 1000 }]) {
        const fault = store.fault({ fileId, times: 1 }, action);
        assert.equal(await outcome(`${origin}/f.bin`), right, JSON.stringify(action));
        fault.remove();
      }
    }
    const gone = store.fault({ fileId: fileIds.at(-1) }, { status: 404 });
    assert.equal(await outcome(`${origin}/f.bin`), chunkSize === SIZE ? 404 : "broken");
    gone.remove();
    assert.equal(sha256((await get(`${origin}/f.bin`)).bytes), right);
  }
});

for (const verify of CHECKED) {
  // F207
  test(`the digest continues where a body was continued: ${verify}`, async () => {
    const { store, origin } = await startGateway(null, { DIRECT: "yes", VERIFY: verify });
    const { sha256: right, fileIds } = store.addFile({ path: "/f.bin", bytes: plenty(2), chunkSize: LARGE });
    for (const [corrupt, expected] of [[null, right], [700 * KIB, "broken"]]) {
      const cut = store.fault({ fileId: fileIds[0], times: 1 }, { cut: 600 * KIB });
      // Of the rest of the chunk, which has no digest of its own.
      const damage = store.fault({ fileId: fileIds[0], when: ({ headers }) => headers.range !== undefined }, corrupt === null ? { latency: 1 } : { corrupt });
      assert.equal(await outcome(`${origin}/f.bin`), expected);
      assert.ok(cut.hits > 0 && damage.hits > 0);
      cut.remove();
      damage.remove();
    }
  });
}

// F107
test("a client that leaves aborts its body and the waiting ones", async () => {
  const { store, origin } = await startGateway(null, { DIRECT: "yes" });
  // More than the socket buffers hold.
  store.addFile({ path: "/f.bin", bytes: plenty(96), chunkSize: 12 * MIB });
  for (let round = 0; round < 3; round++) {
    store.resetLog();
    const client = request(`${origin}/f.bin`).on("error", () => {}).end();
    const [response] = await once(client, "response");
    response.on("error", () => {});
    let read = 0;
    response.on("data", ({ length }) => (read += length) > 13 * MIB && response.pause());
    await until(() => response.isPaused() && store.inFlight > 1, "bodies wait");
    client.socket.resetAndDestroy();
    await quiet(store);
    const asked = store.requests.length;
    await sleep(50);
    assert.equal(store.requests.length, asked, "nothing starts later");
    assert.ok(asked < 9, "the download was not complete");
    assert.ok(chunksOf(store).filter(({ state }) => state === "aborted").length > 1, "the bodies were aborted");
  }
  // The same while the next body is requested, and while a body stalls.
  for (const [before, action] of [[1, { latency: 30_000 }], [1, { stall: 1000 }], [0, { stall: 1000 }]]) {
    store.resetLog();
    const fault = store.fault({ when: () => chunksOf(store).length > before }, action);
    const client = request(`${origin}/f.bin`).on("error", () => {}).end();
    const [response] = await once(client, "response");
    response.on("error", () => {}).resume();
    await until(() => fault.hits > 0, "it is requested");
    await sleep(200);
    client.socket.resetAndDestroy();
    await quiet(store);
    fault.remove();
  }
});

test("a slow client limits the open bodies", { timeout: 60_000 }, async () => {
  const { store, origin } = await startGateway(null, { DIRECT: "yes" });
  const { sha256: right } = store.addFile({ path: "/f.bin", bytes: plenty(64), chunkSize: MIB });
  const [response] = await once(request(`${origin}/f.bin`).end(), "response");
  response.pause();
  await untilStill(store);
  // Five bodies, and the socket buffers.
  assert.ok(store.bytesSent < 32 * MIB, `${store.bytesSent} bytes were fetched for a client that reads none`);
  assert.ok(store.peakInFlight <= 5, `${store.peakInFlight} bodies`);
  const pieces = [];
  for await (const piece of response) pieces.push(piece);
  assert.equal(sha256(Buffer.concat(pieces)), right, "the client gets the whole file");
});

test("passing through stays within connections and subrequests", { timeout: 60_000 }, async () => {
  for (const vars of [() => ({ DIRECT: "yes" }), fromVolumes]) {
    const { store, origin } = await startGateway(null, (store) => ({ ...vars(store), SUBREQUESTS: "60" }));
    const chunks = Array.from({ length: 60 }, (_, i) => ({ bytes: noise(`c${i}`, 32 * KIB), replicas: [i % 3] }));
    const all = Buffer.concat(chunks.map(({ bytes }) => bytes));
    store.addFile({ path: "/f.bin", chunks });
    store.latency = 10;
    assert.equal((await get(`${origin}/f.bin`)).status, 507);
    const { status, bytes } = await get(`${origin}/f.bin`, { headers: { range: "bytes=0-" } });
    assert.equal(status, 206);
    assert.ok(bytes.length > 45 * 32 * KIB && bytes.equals(all.subarray(0, bytes.length)), `${bytes.length} bytes`);
    assert.ok(store.peakInFlight <= 6 && store.peakInFlight >= 3, `${store.peakInFlight} at a time`);
    assert.ok(store.requests.length <= 61, `${store.requests.length} subrequests of both`);
  }
  const { store, origin } = await startGateway(null, { DIRECT: "yes", CONNECTIONS: "1" });
  const { sha256: right } = store.addFile({ path: "/f.bin", bytes: plenty(4), chunkSize: MIB });
  assert.equal(sha256((await get(`${origin}/f.bin`)).bytes), right);
  assert.equal(store.peakInFlight, 1);
});

test("twenty downloads that are passed through wait in turn", { timeout: 60_000 }, async () => {
  const { store, origin } = await startGateway(null, { DIRECT: "yes", MEMORY_MIB: "1" });
  const files = Array.from({ length: 20 }, (_, i) => store.addFile({ path: `/${i}.bin`, bytes: Buffer.concat([noise(`f${i}`, 99), plenty(2)]), chunkSize: 256 * KIB }));
  store.latency = 2;
  const answers = await Promise.all(files.map(({ path }) => get(origin + path)));
  for (const [i, { status, bytes }] of answers.entries()) assert.deepEqual([status, sha256(bytes)], [200, files[i].sha256], files[i].path);
});

test("DIRECT is on with transit and off, and else by its name", async () => {
  for (const [vars, isPassed] of [[{}, false], [{ VERIFY: "transit" }, true], [{ VERIFY: "off" }, true], [{ VERIFY: "off", DIRECT: "no" }, false], [{ DIRECT: "yes" }, true]]) {
    const { store, origin } = await startGateway(null, vars);
    const { fileIds } = store.addFile({ path: "/f.bin", bytes: noise("d", SIZE), chunkSize: CHUNK });
    assert.equal(await isPassedOn(store, `${origin}/f.bin`, fileIds[0]), isPassed, JSON.stringify(vars));
  }
});
