// The speed of a store: shared links, servers that differ, HTTP/2.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, constants } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { noise, sha256, startStore } from "./index.mjs";
import { Link } from "./link.mjs";

/** A test with an empty store of three volume servers. */
function storeTest(name, options, body) {
  test(name, { timeout: 20_000 }, async (t) => {
    const store = await startStore({ cluster: null, ...options });
    t.after(() => store.close());
    await body(store);
  });
}

const MIB = 2 ** 20;

/** The URLs of a new chunk, one at each of these servers. */
function urlsOf(store, size, servers = [0]) {
  const { fileIds: [fileId] } = store.addFile({ path: `/f/${size}`, chunks: [Buffer.alloc(size, 7)], replicas: servers });
  return servers.map((index) => `${store.volumes[index]}/${fileId}`);
}

/** Reads to the end; calls `note` with the length of each piece. */
async function read(url, onPiece = () => {}) {
  for await (const { length } of (await fetch(url)).body) onPiece(length);
}

async function timed(work) {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

async function until(condition) {
  while (!condition()) await sleep(5);
}

storeTest("a single response gets the whole link", {}, async (store) => {
  store.link = 125e6;
  const [url] = urlsOf(store, 48 * MIB);
  const least = ((48 * MIB) / 125e6) * 1000;
  const took = await timed(() => read(url));
  assert.ok(took >= least - 12, `${took} ms is faster than the link`);
  // 0.995 on an idle machine; but other tests run concurrently, on few cores.
  assert.ok(took < least * 2, `${took} ms, and ${least} were enough`);
});

test("a link makes up for late timers and busy event loops", { timeout: 10_000 }, async () => {
  const link = new Link(50e6);
  link.join();
  const took = await timed(async () => {
    for (let sent = 0; sent < 400; sent++) {
      await link.take(50_000);
      if (sent % 20 === 0) busyFor(5);
    }
  });
  assert.ok(took > 385 && took < 480, `${took} ms for 400`);
});

function busyFor(ms) {
  for (const begin = performance.now(); performance.now() - begin < ms;);
}

test("an idle link does not accumulate bandwidth", { timeout: 10_000 }, async () => {
  const link = new Link(1e6);
  await sleep(100);
  link.join();
  const took = await timed(() => link.take(50_000));
  assert.ok(took > 45, `${took} ms for 50`);
});

storeTest("responses of all servers share the link fairly", {}, async (store) => {
  store.link = 16e6;
  const urls = urlsOf(store, 64 * MIB, [0, 1, 2]);
  const came = [0, 0, 0, 0, 0, 0];
  came.forEach((_, i) => read(urls[i % 3], (length) => (came[i] += length)).catch(() => {}));
  await until(() => came.reduce((a, b) => a + b) > 12e6);
  assert.ok(Math.min(...came) > 0.8 * Math.max(...came), came.join(" "));
});

storeTest("a link can be set and removed during a response", {}, async (store) => {
  const [url] = urlsOf(store, 64 * MIB);
  let came = 0;
  store.link = 1e6;
  const reading = read(url, (length) => (came += length));
  await until(() => came > 50_000);
  assert.ok(came < 16 * MIB, `${came} bytes`);
  store.link = 0;
  await reading;
  assert.equal(came, 64 * MIB);
});

storeTest("shapeVolume slows one volume server only", {}, async (store) => {
  const [fast, slow] = urlsOf(store, 100_000, [0, 1]);
  store.latency = 5;
  store.shapeVolume(1, { latency: 300, rate: 400_000 });
  assert.ok((await timed(() => read(fast))) < 250);
  assert.ok((await timed(() => read(slow))) > 300 + 200);
  store.shapeVolume(1);
  assert.ok((await timed(() => read(slow))) < 250);
});

storeTest("shapeVolume slows responses in flight", {}, async (store) => {
  const [url] = urlsOf(store, 256 * MIB);
  let came = 0;
  store.after(4 * MIB, () => store.shapeVolume(0, { rate: 100_000 }));
  read(url, (length) => (came += length)).catch(() => {});
  await until(() => store.bytesSent >= 4 * MIB);
  await sleep(200);
  assert.ok(store.bytesSent < 5 * MIB, `${store.bytesSent} bytes`);
});

storeTest("the link of one server is shared by its responses only", {}, async (store) => {
  const [fast, slow] = urlsOf(store, 100_000, [0, 1]);
  store.shapeVolume(1, { link: 500_000 });
  assert.ok((await timed(() => Promise.all([read(slow), read(slow)]))) > 380);
  assert.ok((await timed(() => read(fast))) < 250);
});

storeTest("chunks are spread over servers and repeated with new ids", {}, async (store) => {
  const bytes = noise("spread", 4000);
  const file = store.addFile({ path: "/f/spread", bytes, chunkSize: 1000, repeat: 3, spread: [[0, 1], [1, 2], [2, 0]] });
  assert.deepEqual([file.size, new Set(file.fileIds).size], [12_000, 12]);
  assert.equal(file.sha256, sha256(Buffer.concat([bytes, bytes, bytes])));
  for (const [i, servers] of [[0, 1], [1, 2], [2, 0], [0, 1]].entries()) {
    const statuses = await Promise.all(store.volumes.map(async (origin) => (await fetch(`${origin}/${file.fileIds[i]}?proxied=true`)).status));
    assert.deepEqual(statuses, [0, 1, 2].map((index) => (servers.includes(index) ? 200 : 404)));
  }
  const got = Buffer.from(await (await fetch(store.filer + file.path)).arrayBuffer());
  assert.equal(sha256(got), file.sha256);
});

/** Requests several paths on one HTTP/2 connection. */
async function askAll(origin, paths, headers = {}) {
  const session = connect(origin, { rejectUnauthorized: false });
  session.on("error", () => {}); // each of its streams gets the error
  try {
    return await Promise.all(paths.map((path) => ask(session, { ":path": path, ...headers })));
  } finally {
    session.close();
  }
}

async function ask(session, headers) {
  const stream = session.request(headers);
  const pieces = [];
  const answer = { headers: null, error: null };
  stream.on("response", (given) => (answer.headers = given));
  stream.on("data", (piece) => pieces.push(piece));
  stream.on("error", (error) => (answer.error = error));
  await once(stream, "close").catch(() => {});
  return { ...answer, code: stream.rstCode, body: Buffer.concat(pieces) };
}

storeTest("HTTP/2 has the same responses, with a visible protocol", { http2: true }, async (store) => {
  const bytes = noise("http2", 300_000);
  const { path, fileIds: [fileId], entry } = store.addFile({ path: "/f/x", chunks: [bytes] });
  const [metadata, relayed] = await askAll(store.filer, [`${path}?metadata=true`, `/?proxyChunkId=${fileId}`], { origin: "https://app.example" });
  assert.equal(metadata.body.toString(), entry);
  assert.ok(bytes.equals(relayed.body));
  const [chunk] = await askAll(store.volumes[0], [`/${fileId}`], { origin: "https://app.example", range: "bytes=5-9" });
  assert.ok(bytes.subarray(5, 10).equals(chunk.body));
  assert.equal(chunk.headers[":status"], 206);
  assert.equal(chunk.headers["access-control-allow-origin"], "*");
  assert.equal(chunk.headers["timing-allow-origin"], "*");
  await assert.rejects(fetch(store.volumes[0]), TypeError); // no HTTP/1.1, and an unknown certificate
});

storeTest("HTTP/2 requests are concurrent, each with its latency", { http2: true }, async (store) => {
  const { fileIds: [fileId] } = store.addFile({ path: "/f/x", chunks: [noise("x", 1000)] });
  store.latency = 100;
  const took = await timed(() => askAll(store.volumes[0], Array(40).fill(`/${fileId}`)));
  assert.equal(store.peakInFlight, 40);
  assert.ok(took >= 95 && took < 1000, `${took} ms`);
});

storeTest("HTTP/2 breaks a stream, and a killed server the connection", { http2: true }, async (store) => {
  const { fileIds: [fileId] } = store.addFile({ path: "/f/x", chunks: [noise("x", 300_000)] });
  store.fault({ nth: 1 }, { cut: 1000 });
  const [cut, whole] = await askAll(store.volumes[0], [`/${fileId}`, `/${fileId}`]);
  assert.equal(cut.code, constants.NGHTTP2_INTERNAL_ERROR);
  assert.equal(whole.body.length, 300_000);
  store.fault({ nth: 1 }, { stall: 1000 });
  const asking = askAll(store.volumes[0], [`/${fileId}`]);
  await until(() => store.inFlight === 1 && store.requests.at(-1).bytesSent === 1000);
  await store.killVolume(0);
  const [broken] = await asking;
  assert.ok(broken.body.length <= 1000);
  await until(() => store.inFlight === 0);
  await store.reviveVolume(0);
  assert.equal((await askAll(store.volumes[0], [`/${fileId}`]))[0].body.length, 300_000);
});

storeTest("over HTTP/2 a client that leaves is logged", { http2: true }, async (store) => {
  const { fileIds: [fileId] } = store.addFile({ path: "/f/x", chunks: [noise("x", 300_000)] });
  store.fault({}, { stall: 1000 });
  const session = connect(store.volumes[0], { rejectUnauthorized: false });
  const stream = session.request({ ":path": `/${fileId}` });
  stream.resume();
  await until(() => store.requests[0]?.bytesSent === 1000);
  stream.close(constants.NGHTTP2_CANCEL);
  await until(() => store.requests[0].state === "aborted");
  session.close();
});
