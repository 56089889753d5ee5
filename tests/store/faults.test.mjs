// Every fault works, and the log has the requests.
import assert from "node:assert/strict";
import { createDecipheriv } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { noise, parseEntry, prose, sha256, startStore } from "./index.mjs";

const ORIGIN = { headers: { origin: "https://app.example" } };

/** A test with a store that has one file, of one chunk of 300 000 bytes on volume0 and volume1. */
function storeTest(name, body) {
  test(name, { timeout: 20_000 }, async (t) => {
    const store = await startStore({ cluster: null });
    t.after(() => store.close());
    const bytes = noise("fault", 300_000);
    const file = store.addFile({ path: "/f/one.bin", chunks: [{ bytes, replicas: [0, 1] }] });
    const [fileId] = file.fileIds;
    await body({ store, bytes, file, fileId, chunkUrl: `${store.volumes[0]}/${fileId}`, proxyUrl: `${store.filer}/?proxyChunkId=${fileId}` });
  });
}

const bytesOf = async (url, options) => Buffer.from(await (await fetch(url, options)).arrayBuffer());

/** Reads until the body ends or breaks: its bytes, and whether the end was clean. */
async function readAll(response) {
  const pieces = [];
  try {
    for await (const piece of response.body) pieces.push(piece);
    return { bytes: Buffer.concat(pieces), clean: true };
  } catch {
    return { bytes: Buffer.concat(pieces), clean: false };
  }
}

/** Waits until `condition` holds, limited by the timeout of the test. */
async function until(condition) {
  while (!condition()) await sleep(5);
}

storeTest("without faults a chunk arrives whole and is logged", async ({ store, bytes, fileId, chunkUrl, proxyUrl }) => {
  assert.ok(bytes.equals(await bytesOf(chunkUrl)));
  assert.ok(bytes.subarray(5, 10).equals(await bytesOf(proxyUrl, { headers: { range: "bytes=5-9" } })));
  await until(() => store.inFlight === 0);
  const seen = store.requests.map(({ server, method, fileId, range, status, bytesSent, state }) =>
    ({ server, method, fileId, range, status, bytesSent, state }));
  assert.deepEqual(seen, [
    { server: "volume0", method: "GET", fileId, range: null, status: 200, bytesSent: 300_000, state: "done" },
    { server: "filer", method: "GET", fileId, range: "bytes=5-9", status: 206, bytesSent: 5, state: "done" },
  ]);
  assert.equal(store.bytesSent, 300_005);
  store.resetLog();
  assert.deepEqual([store.requests.length, store.bytesSent, store.peakInFlight], [0, 0, 0]);
});

storeTest("a fault sets status, body and headers, and keeps CORS", async ({ store, chunkUrl }) => {
  store.fault({ server: /volume/ }, { status: 503, body: "busy", headers: { "Retry-After": "7" } });
  const response = await fetch(chunkUrl, ORIGIN);
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("retry-after"), "7");
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  assert.equal(await response.text(), "busy");
});

storeTest("a refused request gets no response", async ({ store, chunkUrl }) => {
  store.fault({ server: "volume0" }, { refuse: true });
  await assert.rejects(fetch(chunkUrl), TypeError);
  assert.equal(store.requests[0].status, null);
});

storeTest("cut: full Content-Length, fewer bytes, broken connection", async ({ store, bytes, chunkUrl }) => {
  for (const cut of [0, 1, 100_000]) {
    const fault = store.fault({}, { cut });
    const response = await fetch(chunkUrl);
    assert.equal(response.headers.get("content-length"), "300000");
    const got = await readAll(response);
    assert.equal(got.clean, false);
    assert.ok(bytes.subarray(0, cut).equals(got.bytes), `cut at ${cut}`);
    fault.remove();
  }
});

storeTest("end: a clean end before all bytes", async ({ store, bytes, chunkUrl }) => {
  store.fault({}, { end: 70_000 });
  const response = await fetch(chunkUrl);
  assert.equal(response.headers.get("content-length"), null);
  const got = await readAll(response);
  assert.ok(got.clean && bytes.subarray(0, 70_000).equals(got.bytes));
});

storeTest("stall: some bytes, then nothing until the client leaves", async ({ store, chunkUrl }) => {
  store.fault({}, { stall: 1000 });
  const leaving = new AbortController();
  const response = await fetch(chunkUrl, { signal: leaving.signal });
  const reader = response.body.getReader();
  assert.equal((await reader.read()).value.length, 1000);
  const silence = reader.read().then(() => "more", () => "left");
  assert.equal(await Promise.race([silence, sleep(100, "silent")]), "silent");
  assert.deepEqual([store.inFlight, store.requests[0].state], [1, "open"]);
  leaving.abort();
  assert.equal(await silence, "left");
  await until(() => store.requests[0].state === "aborted");
  assert.deepEqual([store.inFlight, store.requests[0].bytesSent], [0, 1000]);
});

storeTest("stall at 0 bytes still sends the headers", async ({ store, chunkUrl }) => {
  store.fault({}, { stall: 0 });
  const leaving = new AbortController();
  const response = await fetch(chunkUrl, { signal: leaving.signal });
  assert.equal(response.status, 200);
  leaving.abort();
});

storeTest("extra: garbage after the body, without a Content-Length", async ({ store, bytes, chunkUrl }) => {
  store.fault({}, { extra: 17 });
  const response = await fetch(chunkUrl);
  assert.equal(response.headers.get("content-length"), null);
  const got = await readAll(response);
  assert.equal(got.bytes.length, bytes.length + 17);
  assert.ok(bytes.equals(got.bytes.subarray(0, bytes.length)));
});

storeTest("corrupt: one bit of the stored bytes, also in ranges", async ({ store, bytes, chunkUrl, proxyUrl, file }) => {
  store.fault({}, { corrupt: 5000 });
  const wrong = Buffer.from(bytes);
  wrong[5000] ^= 1;
  assert.ok(wrong.equals(await bytesOf(chunkUrl)));
  assert.ok(wrong.subarray(4990, 5010).equals(await bytesOf(proxyUrl, { headers: { range: "bytes=4990-5009" } })));
  assert.ok(wrong.equals(await bytesOf(store.filer + file.path)));
});

storeTest("ignoreRange responds with 200; contentRange is wrong", async ({ store, bytes, chunkUrl }) => {
  const range = { headers: { range: "bytes=10-19" } };
  const ignoring = store.fault({}, { ignoreRange: true });
  const whole = await fetch(chunkUrl, range);
  assert.equal(whole.status, 200);
  assert.ok(bytes.equals((await readAll(whole)).bytes));
  ignoring.remove();
  store.fault({}, { contentRange: "bytes 11-20/300000" });
  const lying = await fetch(chunkUrl, range);
  assert.deepEqual([lying.status, lying.headers.get("content-range")], [206, "bytes 11-20/300000"]);
  assert.ok(bytes.subarray(10, 20).equals((await readAll(lying)).bytes));
});

storeTest("noCors removes CORS headers; headers replaces and removes", async ({ store, chunkUrl }) => {
  store.fault({}, { noCors: true, headers: { etag: null, "Content-Type": "text/x-odd" } });
  const response = await fetch(chunkUrl, ORIGIN);
  assert.equal(response.headers.get("access-control-allow-origin"), null);
  assert.equal(response.headers.get("etag"), null);
  assert.equal(response.headers.get("content-type"), "text/x-odd");
  await response.arrayBuffer();
});

storeTest("redirect sends a redirect", async ({ store, bytes, chunkUrl, fileId }) => {
  store.fault({ server: "volume0" }, { redirect: `${store.volumes[1]}/${fileId}` });
  assert.ok(bytes.equals(await bytesOf(chunkUrl)));
  assert.deepEqual(store.requests.map(({ server }) => server), ["volume0", "volume1"]);
});

storeTest("a fault matches by all fields of Match", async ({ store, chunkUrl, proxyUrl, fileId }) => {
  const cases = [
    [{ nth: 2 }, [200, 418, 200]], [{ times: 2 }, [418, 418, 200]], [{ server: "filer" }, [200, 200, 418]],
    [{ server: /^volume/ }, [418, 418, 200]], [{ fileId }, [418, 418, 418]], [{ fileId: "1,0000000000" }, [200, 200, 200]],
    [{ path: "/" }, [200, 200, 418]], [{ path: /proxyChunkId/ }, [200, 200, 418]], [{ method: "HEAD" }, [200, 200, 200]],
    [{ when: ({ range }) => range !== null }, [200, 200, 200]],
  ];
  for (const [match, statuses] of cases) {
    const fault = store.fault(match, { status: 418 });
    const seen = [];
    for (const url of [chunkUrl, chunkUrl, proxyUrl]) {
      const response = await fetch(url);
      await response.arrayBuffer();
      seen.push(response.status);
    }
    assert.deepEqual(seen, statuses, String(Object.keys(match)));
    assert.equal(fault.hits, statuses.filter((status) => status === 418).length);
    fault.remove();
  }
});

storeTest("preflights match only with method OPTIONS", async ({ store, chunkUrl }) => {
  const preflight = () => fetch(chunkUrl, { method: "OPTIONS", ...ORIGIN });
  store.fault({}, { status: 500 });
  assert.equal((await preflight()).status, 200);
  store.fault({ method: "OPTIONS" }, { status: 403 });
  assert.equal((await preflight()).status, 403);
});

storeTest("latency delays requests concurrently", async ({ store, chunkUrl, proxyUrl }) => {
  store.latency = 150;
  const begin = performance.now();
  await Promise.all([chunkUrl, chunkUrl, chunkUrl, proxyUrl, proxyUrl, proxyUrl].map((url) => bytesOf(url)));
  const took = performance.now() - begin;
  assert.ok(took >= 145 && took < 850, `${took} ms`);
  assert.equal(store.peakInFlight, 6);
  store.latency = 60_000;
  await bytesOf(`${store.master}/dir/lookup?volumeId=1`); // not delayed: the test would time out
});

storeTest("a client that leaves during the latency is logged", async ({ store, chunkUrl }) => {
  store.fault({}, { latency: 60_000 });
  const leaving = new AbortController();
  const asking = fetch(chunkUrl, { signal: leaving.signal });
  await until(() => store.inFlight === 1);
  leaving.abort();
  await assert.rejects(asking, { name: "AbortError" });
  await until(() => store.requests[0].state === "aborted");
  assert.deepEqual([store.inFlight, store.requests[0].status], [0, null]);
});

storeTest("rate limits a response", async ({ store, chunkUrl }) => {
  store.rate = 600_000;
  const begin = performance.now();
  await bytesOf(chunkUrl);
  const took = performance.now() - begin;
  assert.ok(took > 380, `${took} ms for half a second's worth`);
});

storeTest("a killed volume server is gone until it is revived", async ({ store, bytes, chunkUrl, proxyUrl }) => {
  const holders = async () => (await (await fetch(`${store.master}/dir/lookup?volumeId=1`)).json()).locations?.length ?? 0;
  assert.equal(await holders(), 2);
  await store.killVolume(0);
  await assert.rejects(fetch(chunkUrl), ({ cause }) => cause.code === "ECONNREFUSED");
  assert.equal(await holders(), 1);
  assert.ok(bytes.equals(await bytesOf(proxyUrl)));
  await store.killVolume(1);
  assert.equal(await holders(), 0);
  assert.equal((await fetch(proxyUrl)).status, 500);
  await store.reviveVolume(0);
  assert.equal(await holders(), 1);
  assert.ok(bytes.equals(await bytesOf(chunkUrl)));
});

storeTest("killing a volume server breaks responses in flight", async ({ store, chunkUrl }) => {
  store.fault({}, { stall: 1000 });
  const response = await fetch(chunkUrl);
  const reading = readAll(response);
  await until(() => store.bytesSent === 1000);
  await store.killVolume(0);
  assert.equal((await reading).clean, false);
});

storeTest("an added file is gzipped and encrypted, with exact numbers", async ({ store }) => {
  const text = prose("added", 50_000);
  const contents = [noise("added", 40_000), text, noise("added2", 10_000), text];
  const file = store.addFile({
    path: "/f/mixed <&>.txt", mime: "text/plain", replicas: [2],
    chunks: [contents[0], { bytes: contents[1], gzip: true }, { bytes: contents[2], cipher: true }, { bytes: contents[3], cipher: true, gzip: true, modifiedTsNs: 1795471475000000001n }],
  });
  const all = Buffer.concat(contents);
  assert.deepEqual([file.size, file.sha256], [all.length, sha256(all)]);
  const entryText = await (await fetch(`${store.filer}${encodeURI(file.path)}?metadata=true`)).text();
  assert.equal(entryText, file.entry);
  assert.match(entryText, /"modified_ts_ns":1795471475000000001[,}]/);
  assert.match(entryText, /mixed \\u003c\\u0026\\u003e/);
  const { chunks } = parseEntry(entryText);
  assert.deepEqual(chunks.map(({ modified_ts_ns: at }) => at % 10n), [1n, 2n, 3n, 1n]);
  assert.deepEqual(chunks.map(({ e_tag, cipher_key, is_compressed }) => [!!e_tag, !!cipher_key, !!is_compressed]),
    [[true, false, false], [true, false, true], [false, true, false], [false, true, true]]);
  const opened = [];
  for (const chunk of chunks) opened.push(openByHand(await bytesOf(`${store.volumes[2]}/${chunk.file_id}`), chunk));
  assert.ok(all.equals(Buffer.concat(opened)));
  assert.equal(sha256(await bytesOf(store.filer + encodeURI(file.path))), file.sha256);
});

// fetch has inflated the chunk that is not encrypted already.
function openByHand(stored, { cipher_key: key, is_compressed: compressed }) {
  if (!key) return stored;
  const decipher = createDecipheriv("aes-256-gcm", Buffer.from(key, "base64"), stored.subarray(0, 12));
  decipher.setAuthTag(stored.subarray(-16));
  const opened = Buffer.concat([decipher.update(stored.subarray(12, -16)), decipher.final()]);
  return compressed ? gunzipSync(opened) : opened;
}

storeTest("an added file may have holes, overlaps and truncated chunks", async ({ store }) => {
  const [a, b] = [noise("a", 1000), noise("b", 1000)];
  const file = store.addFile({ path: "/f/odd.bin", size: 5000, chunks: [{ bytes: a, offset: 100 }, { bytes: b, offset: 600, size: 700 }] });
  const right = Buffer.alloc(5000);
  a.copy(right, 100);
  b.copy(right, 600, 0, 700);
  assert.equal(file.sha256, sha256(right));
  const got = await bytesOf(store.filer + file.path, { headers: { range: "bytes=601-4999" } });
  assert.ok(right.subarray(601).equals(got));
  // Like the real filer, the stand-in sends a truncated chunk whole and then breaks the connection.
  await assert.rejects(bytesOf(store.filer + file.path), TypeError);
});

storeTest("of two chunks of the same time the later in the list wins", async ({ store }) => {
  const [a, b] = [noise("a", 1000), noise("b", 1000)];
  const file = store.addFile({ path: "/f/tie.bin", modifiedTsNs: 5n, chunks: [{ bytes: a }, { bytes: b, offset: 500 }] });
  assert.equal(file.sha256, sha256(Buffer.concat([a.subarray(0, 500), b])));
  assert.equal(sha256(await bytesOf(store.filer + file.path)), file.sha256);
});

storeTest("bytes are split by chunkSize; given entries are unchanged", async ({ store }) => {
  const file = store.addFile({ path: "/f/cut.bin", bytes: noise("cut", 10_500), chunkSize: 1000, cipher: true });
  assert.equal(file.fileIds.length, 11);
  assert.equal(sha256(await bytesOf(store.filer + file.path)), file.sha256);
  store.addEntry("/f/hand.json", '{"FullPath":"/f/hand.json","odd":1}');
  assert.equal(await (await fetch(`${store.filer}/f/hand.json?metadata=true`)).text(), '{"FullPath":"/f/hand.json","odd":1}');
  store.addChunk("77,01deadbeef", Buffer.from("by hand"), { volumes: [1] });
  assert.equal(await (await fetch(`${store.volumes[1]}/77,01deadbeef`)).text(), "by hand");
  assert.throws(() => store.addChunk("nonsense", Buffer.alloc(1)), TypeError);
});

storeTest("a client that does not read limits what is sent", async ({ store }) => {
  const file = store.addFile({ path: "/f/big.bin", chunks: [Buffer.alloc(64 * 2 ** 20, 7)] });
  const { hostname, port } = new URL(store.volumes[0]);
  const socket = net.connect({ host: hostname, port: Number(port) });
  await once(socket, "connect");
  socket.pause();
  socket.write(`GET /${file.fileIds[0]} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await until(() => store.bytesSent > 0);
  await settled(() => store.bytesSent);
  // The kernel buffers some megabytes on loopback.
  assert.ok(store.bytesSent < 16 * 2 ** 20, `${store.bytesSent} bytes ran ahead`);
  assert.equal(store.requests[0].state, "open");
  socket.destroy();
  await until(() => store.requests[0].state === "aborted");
  assert.equal(store.inFlight, 0);
});

/** Waits until a number has not changed for 300 ms. */
async function settled(read) {
  for (let last = -1; last !== read();) {
    last = read();
    await sleep(300);
  }
}

test("close ends everything, also requests in flight", { timeout: 10_000 }, async () => {
  const store = await startStore({ cluster: null, volumes: 1 });
  const { fileIds: [fileId] } = store.addFile({ path: "/x", chunks: [noise("x", 100)] });
  store.fault({}, { stall: 0 });
  const response = await fetch(`${store.volumes[0]}/${fileId}`);
  await store.close();
  assert.equal((await readAll(response)).clean, false);
  await assert.rejects(fetch(store.filer), TypeError);
});

test("close throws an internal failure of the store", { timeout: 10_000 }, async () => {
  const store = await startStore({ cluster: null, volumes: 1 });
  const { fileIds: [fileId] } = store.addFile({ path: "/x", chunks: [noise("x", 100)] });
  store.fault({}, { corrupt: 100 });
  await assert.rejects(fetch(`${store.volumes[0]}/${fileId}`), TypeError);
  await assert.rejects(store.close(), /cannot corrupt byte 100 of 100/);
});
