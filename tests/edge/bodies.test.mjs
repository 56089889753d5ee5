// The package in workerd: how it reads bodies.
import assert from "node:assert/strict";
import { once } from "node:events";
import { get as httpGet } from "node:http";
import { after, test } from "node:test";
import { bundleWorker, startBareWorker } from "../../scripts/edge.mjs";
import { closeAll, get, noise, plenty, quiet, startRogue } from "./support.mjs";

const modules = await bundleWorker("tests/edge/bodies-worker.mjs");
const workers = [];

after(async () => {
  for (const { close } of workers) await close();
  await closeAll();
});

async function start(store, MODE) {
  const worker = await startBareWorker(modules, { FILER: store.filer, MODE });
  workers.push(worker);
  return worker.origin;
}

const MIB = 2 ** 20;

for (const mode of ["asIs", "defaultStream", "byteStream", "announcedShort", "announcedLong", "announcedNothing", "notANumber"]) {
  test(`${mode}: the bytes are right, plain and encrypted`, async () => {
    const store = await startRogue();
    const bytes = plenty(3).subarray(0, 2.5 * MIB);
    store.addFile({ path: "/plain.bin", bytes, chunkSize: MIB });
    store.addFile({ path: "/cipher.bin", bytes, chunkSize: MIB, cipher: true });
    store.addFile({ path: "/small.bin", bytes: bytes.subarray(0, 700), chunkSize: 300 });
    store.addFile({ path: "/empty.bin", bytes: Buffer.alloc(0), chunkSize: 300 });
    const origin = await start(store, mode);
    for (const way of ["stream", "response"]) {
      for (const name of ["plain", "cipher"]) assert.ok((await get(`${origin}/${name}.bin?way=${way}`)).bytes.equals(bytes), `${name} by ${way}`);
      assert.ok((await get(`${origin}/small.bin?way=${way}`)).bytes.equals(bytes.subarray(0, 700)), `small by ${way}`);
      assert.equal((await get(`${origin}/empty.bin?way=${way}`)).bytes.length, 0, `empty by ${way}`);
    }
    assert.equal((await get(`${origin}/plain.bin?way=byob`)).bytes.toString(), String(bytes.length));
    await quiet(store);
  });
}

test("a locked body is an error of the network", async () => {
  const store = await startRogue();
  store.addFile({ path: "/f.bin", bytes: noise("locked", 1000), chunkSize: 500 });
  const { status, bytes } = await get(`${await start(store, "locked")}/f.bin?way=response`);
  assert.equal(status, 502);
  assert.match(bytes.toString(), /network/);
});

test("a slow body is passed on as it arrives", async () => {
  const store = await startRogue();
  const bytes = noise("slow", 120_000);
  store.addFile({ path: "/f.bin", bytes, chunkSize: bytes.length });
  const origin = await start(store, "asIs");
  store.rate = 60_000;
  const begin = performance.now();
  const [response] = await once(httpGet(`${origin}/f.bin?way=stream`), "response");
  const [pieces, times] = [[], []];
  for await (const piece of response) {
    pieces.push(piece);
    times.push(performance.now() - begin);
  }
  assert.ok(Buffer.concat(pieces).equals(bytes));
  // Two seconds in all.
  assert.ok(times[0] < 700, `the first piece came after ${times[0]} ms`);
  const gap = Math.max(...times.slice(1).map((time, i) => time - times[i]));
  assert.ok(gap < 700, `nothing came for ${gap} ms`);
});

test("a body that stalls is replaced, and its bytes are kept", async () => {
  const store = await startRogue();
  const bytes = plenty(2);
  store.addFile({ path: "/f.bin", bytes, chunkSize: bytes.length });
  const origin = await start(store, "asIs");
  store.fault({ path: /proxyChunkId/, times: 1 }, { stall: MIB + 5 });
  assert.ok((await get(`${origin}/f.bin?way=stream&idle=500`)).bytes.equals(bytes));
  await quiet(store);
  const [whole, rest] = store.requests.filter(({ fileId }) => fileId !== null);
  assert.equal(whole.range, null);
  // What was waiting for further bytes is fetched again, but not what was passed on.
  const at = Number(/^bytes=(\d+)-$/.exec(rest.range)?.[1]);
  assert.ok(at > MIB / 2 && at <= MIB + 5, `continued at ${rest.range}`);
});

for (const mode of ["asIs", "deaf", "defaultStream"]) {
  test(`${mode}: a cancelled body that waits for bytes is given up`, async () => {
    const store = await startRogue();
    store.addFile({ path: "/f.bin", bytes: plenty(2), chunkSize: 2 * MIB });
    const origin = await start(store, mode);
    store.fault({ path: /proxyChunkId/ }, { stall: MIB + 5 });
    const request = httpGet(`${origin}/f.bin?way=cancel`);
    const [response] = await once(request, "response");
    const got = Number(await once(response, "data"));
    assert.ok(got > MIB / 2 && got <= MIB + 5, `${got} bytes`);
    await quiet(store);
    request.destroy();
  });
}

test("a client that leaves ends the requests", async () => {
  const store = await startRogue();
  store.addFile({ path: "/f.bin", bytes: plenty(4), chunkSize: MIB });
  const origin = await start(store, "asIs");
  store.rate = 200_000;
  for (const way of ["stream", "response"]) {
    const request = httpGet(`${origin}/f.bin?way=${way}`);
    const [response] = await once(request, "response");
    await once(response, "data");
    request.destroy();
    await quiet(store);
  }
});
