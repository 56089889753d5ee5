// When a stream fetches, how many bytes it holds, and what remains after its end.
import { equal, fails, ok, rejectsWith, same, sameBytes } from "./assert.mjs";
import { QUICK, joined, mostAtOnce, readAll, readSome, until } from "./helpers.mjs";

const CHUNK = 65_536;
const CHUNKS = 64;
const SIZE = CHUNK * CHUNKS;

const add = (store, more) => store.addFile({ path: "/f/stream.bin", content: "noise:stream", length: SIZE, chunkSize: CHUNK, replicas: [0, 1], ...more });
const idle = async (store) => (await store.inFlight()) === 0;

/** Bun sends a request that was cancelled right after it began: up to 60 ms later on a machine that is busy (bun/aborted.mjs). */
const LATE_IN_BUN = 300;

/** Time in which a request would have arrived: a round trip of others. */
async function roundTrips(kelp, store) {
  for (let i = 0; i < 3; i++) await kelp.openFiler(store.urlOf("/f/stream.bin"));
  if (globalThis.Bun) await new Promise((wake) => setTimeout(wake, LATE_IN_BUN));
}

/** Waits until look-ahead has stopped: no request is in flight. */
const standsStill = (store, file) => until(async () => file.stats.inFlight === 0 && (await idle(store)), "the look-ahead stands still");

export const streaming = [
  {
    // F109
    name: "nothing is fetched before the first read", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      const file = await kelp.openFiler(url);
      const reader = file.stream().getReader();
      await roundTrips(kelp, store);
      same(await store.chunkRequests(), [], "requests for chunks");
      await reader.read();
      ok((await store.chunkRequests()).length > 0, "the first read fetches");
      await reader.cancel();
    },
  },
  {
    name: "a BYOB reader reads into its own buffers", cluster: null, needs: "byte streams",
    async run(kelp, store, help) {
      const { url } = await add(store);
      const right = await help.content("noise:stream", SIZE);
      const range = { start: 5, end: 300_000 };
      for (const length of [1000, 65_536, 100_003]) {
        const reader = (await kelp.openFiler(url)).stream(range).getReader({ mode: "byob" });
        const pieces = [];
        for (let buffer = new ArrayBuffer(length); ;) {
          const { done, value } = await reader.read(new Uint8Array(buffer));
          if (done) break;
          ok(value.length > 0 && value.length <= length, `${value.length} bytes for a buffer of ${length}`);
          pieces.push(value.slice());
          buffer = value.buffer;
        }
        sameBytes(joined(pieces), right.subarray(range.start, range.end), `buffers of ${length}`);
        await reader.closed;
      }
    },
  },
  {
    // F112
    name: "a throttle limits bytes per second", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const file = await kelp.openFiler(url, { throttle: 200_000 });
      const right = await help.content("noise:stream", SIZE);
      const start = performance.now();
      const { bytes, error } = await readAll(file.stream({ end: 100_000 }));
      const took = performance.now() - start;
      equal(error, null, "error");
      sameBytes(bytes, right.subarray(0, 100_000), "throttled bytes");
      // Half a second, minus the initial burst. A slow machine takes longer.
      ok(took > 350, `100 000 bytes at 200 000 a second took ${took} ms`);
      const slow = await kelp.openFiler(url, { throttle: 10 });
      const reader = slow.stream().getReader();
      equal((await reader.read()).value.length, 1, "length of the first piece");
      const next = reader.read();
      await reader.cancel();
      ok((await next).done, "the read that waited ends");
      await until(() => idle(store), "nothing is fetched any more");
    },
  },
  {
    // F96
    name: "a stream may be piped, iterated and put into a Response", cluster: null,
    async run(kelp, store, help) {
      const file = await kelp.openFiler((await add(store)).url);
      const right = await help.content("noise:stream", SIZE);
      const pieces = [];
      await file.stream().pipeTo(new WritableStream({ write: (piece) => void pieces.push(piece) }));
      sameBytes(joined(pieces), right, "piped");
      sameBytes(new Uint8Array(await new Response(file.stream()).arrayBuffer()), right, "as a body");
      const [one, two] = file.stream({ end: 200_000 }).tee();
      const both = await Promise.all([readAll(one), readAll(two)]);
      for (const { bytes } of both) sameBytes(bytes, right.subarray(0, 200_000), "teed");
      if (!ReadableStream.prototype[Symbol.asyncIterator]) return;
      const iterated = [];
      for await (const piece of file.stream({ start: SIZE - 100_000 })) iterated.push(piece);
      sameBytes(joined(iterated), right.subarray(SIZE - 100_000), "iterated");
    },
  },
  {
    name: "changing a piece changes no other byte", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store, { cipher: true, content: "prose:own", gzip: true });
      const file = await kelp.openFiler(url);
      const reader = file.stream().getReader();
      for (let next = await reader.read(); !next.done; next = await reader.read()) next.value.fill(0);
      sameBytes(await file.bytes(), await help.content("prose:own", SIZE));
    },
  },
  {
    name: "a body may reuse parts of one buffer", cluster: null,
    async run(kelp) {
      const buffer = Uint8Array.from({ length: 1000 }, (_, i) => i);
      const fetch = async () => {
        const body = new ReadableStream({
          start(controller) {
            for (let at = 0; at < 1000; at += 100) controller.enqueue(buffer.subarray(at, at + 100));
            controller.close();
          },
        });
        return new Response(body);
      };
      const file = await kelp.openManifest({ size: 1000, chunks: [{ urls: ["http://nowhere.example/1"], offset: 0, size: 1000 }] }, { fetch });
      const reader = file.stream().getReader();
      const pieces = [];
      for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value);
      sameBytes(joined(pieces), Uint8Array.from({ length: 1000 }, (_, i) => i));
      equal(buffer.length, 1000, "the buffer behind the body");
    },
  },
  {
    // F96
    name: "leaving an iteration ends the requests", cluster: null,
    async run(kelp, store) {
      if (!ReadableStream.prototype[Symbol.asyncIterator]) return;
      const file = await kelp.openFiler((await add(store)).url);
      await store.setLatency(5);
      for await (const piece of file.stream()) if (piece.length > 0) break;
      await roundTrips(kelp, store);
      await until(() => idle(store), "nothing is in flight");
      const { length } = await store.chunkRequests();
      await roundTrips(kelp, store);
      equal((await store.chunkRequests()).length, length, "requests afterwards");
    },
  },
  {
    // F92
    name: "cancelling ends the requests, and none follows", cluster: null,
    async run(kelp, store) {
      const { url, fileIds } = await add(store);
      const file = await kelp.openFiler(url, { concurrency: 4 });
      for (const fileId of fileIds.slice(1)) await store.fault({ fileId }, { stall: 100 });
      const reader = file.stream().getReader();
      await readSome(reader, CHUNK);
      await until(async () => (await store.inFlight()) === 4, "four requests are in flight");
      await reader.cancel("enough");
      await until(() => idle(store), "nothing is in flight");
      const requests = await store.chunkRequests();
      equal(requests.filter(({ state }) => state === "aborted").length, 4, "requests that were aborted");
      await roundTrips(kelp, store);
      equal((await store.chunkRequests()).length, requests.length, "requests afterwards");
      same([file.stats.inFlight, file.stats.bytesAhead], [0, 0], "stats");
      await reader.closed;
    },
  },
  {
    // F92
    name: "cancelling before the first read sends nothing", cluster: null,
    async run(kelp, store) {
      const file = await kelp.openFiler((await add(store)).url);
      const stream = file.stream();
      await stream.cancel();
      await stream.cancel();
      await roundTrips(kelp, store);
      same(await store.chunkRequests(), [], "requests for chunks");
    },
  },
  {
    // F94
    name: "aborting ends the requests, and none follows", cluster: null,
    async run(kelp, store) {
      const { url, fileIds } = await add(store);
      const file = await kelp.openFiler(url, { concurrency: 4 });
      for (const fileId of fileIds.slice(2)) await store.fault({ fileId }, { stall: 100 });
      const leaving = new AbortController();
      const reader = file.stream({ signal: leaving.signal }).getReader();
      await readSome(reader, CHUNK);
      await until(async () => (await store.inFlight()) === 4, "four requests are in flight");
      const reason = { left: true };
      leaving.abort(reason);
      await rejectsWith(reason, async () => { for (;;) await reader.read(); }, "a read");
      await rejectsWith(reason, () => reader.closed, "closed");
      await until(() => idle(store), "nothing is in flight");
      const { length } = await store.chunkRequests();
      await roundTrips(kelp, store);
      equal((await store.chunkRequests()).length, length, "requests afterwards");
    },
  },
  {
    // F94
    name: "an abort without a reason is an AbortError", cluster: null,
    async run(kelp, store) {
      const file = await kelp.openFiler((await add(store)).url);
      await store.fault({ path: /proxyChunkId/ }, { stall: 0 });
      const leaving = new AbortController();
      const reading = file.stream({ signal: leaving.signal }).getReader().read();
      reading.catch(() => {});
      await until(async () => !(await idle(store)), "a request is in flight");
      leaving.abort();
      await rejectsWith(leaving.signal.reason, reading);
      equal(leaving.signal.reason.name, "AbortError", "name of the reason");
    },
  },
  {
    // F109
    name: "a slow reader limits what is requested", cluster: null,
    async run(kelp, store) {
      const budget = 8 * CHUNK;
      const file = await kelp.openFiler((await add(store)).url, { concurrency: 16, maxBytesAhead: budget });
      const reader = file.stream().getReader();
      for (const read of [1, 2, 3, 10, 20]) {
        await readSome(reader, read * CHUNK - file.stats.bytesDelivered);
        await standsStill(store, file);
        const { length } = await store.chunkRequests();
        const allowed = Math.ceil(file.stats.bytesDelivered / CHUNK) + budget / CHUNK + 1;
        ok(length <= allowed, `${length} chunks were asked for after ${file.stats.bytesDelivered} bytes, at most ${allowed} may be`);
        ok(file.stats.bytesAhead <= budget + CHUNK, `${file.stats.bytesAhead} bytes are held`);
      }
      ok(file.stats.peakBytesAhead <= budget + CHUNK, `${file.stats.peakBytesAhead} bytes were held`);
      await reader.cancel();
    },
  },
  {
    name: "look-ahead continues without reads", cluster: null,
    async run(kelp, store) {
      const budget = 8 * CHUNK;
      const file = await kelp.openFiler((await add(store)).url, { concurrency: 2, maxBytesAhead: budget });
      await store.setLatency(5);
      const reader = file.stream().getReader();
      await reader.read();
      await until(async () => (await store.chunkRequests()).length >= 7, "most of the budget is fetched");
      await standsStill(store, file);
      ok(file.stats.bytesAhead >= budget - 2 * CHUNK, `${file.stats.bytesAhead} bytes are held`);
      await reader.cancel();
    },
  },
  {
    name: "a plain chunk is delivered while it arrives", cluster: null,
    async run(kelp, store, help) {
      const size = 4 * 1024 * 1024;
      const { url, fileIds } = await store.addFile({ path: "/f/large.bin", content: "noise:large", length: size, chunkSize: size });
      const right = await help.content("noise:large", size);
      const file = await kelp.openFiler(url);
      const fault = await store.fault({ fileId: fileIds[0] }, { stall: 100_000 });
      for (const start of [0, 1000]) {
        const reader = file.stream({ start }).getReader();
        const bytes = await readSome(reader, 50_000);
        sameBytes(bytes, right.subarray(start, start + bytes.length), `from ${start}`);
        ok(!(await idle(store)), "the rest is still to come");
        await reader.cancel();
      }
      await fault.remove();
    },
  },
  {
    name: "concurrency is used and not exceeded", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const right = (await help.content("noise:stream", SIZE)).subarray(0, 20 * CHUNK);
      await store.setLatency(20);
      for (const concurrency of [1, 2, 4]) {
        for (const locate of ["proxy", store.locateOn(0, 1)]) {
          const file = await kelp.openFiler(url, { concurrency, locate, hedge: false });
          await store.resetLog();
          sameBytes(await file.bytes({ end: right.length }), right, `concurrency ${concurrency}`);
          equal(mostAtOnce(await store.chunkRequests()), concurrency, `requests at one time with concurrency ${concurrency}`);
        }
      }
    },
  },
  {
    name: "perHost limits the requests to one host", cluster: null,
    async run(kelp, store) {
      const file = await kelp.openFiler((await add(store)).url, { concurrency: 6, perHost: 2 });
      await store.setLatency(10);
      await file.bytes({ end: 20 * CHUNK });
      equal(mostAtOnce(await store.chunkRequests()), 2, "requests at one time");
    },
  },
  {
    name: "bytes are in file order in any order of arrival", cluster: null,
    async run(kelp, store, help) {
      const { url, fileIds } = await add(store, { replicas: [0] });
      for (const [i, fileId] of fileIds.entries()) await store.fault({ fileId }, { latency: ((i * 7) % 6) * 8 });
      const file = await kelp.openFiler(url, { locate: store.locateOn(0), concurrency: 6 });
      sameBytes(await file.bytes(), await help.content("noise:stream", SIZE));
    },
  },
  {
    name: "every read after an error has the same error", cluster: null,
    async run(kelp, store) {
      const { url, fileIds } = await add(store);
      const fault = await store.fault({ fileId: fileIds[1] }, { status: 404 });
      const file = await kelp.openFiler(url, QUICK);
      const reader = file.stream().getReader();
      const error = await readSome(reader, SIZE).then(() => null, (reason) => reason);
      await fails(kelp, "not_found", Promise.reject(error));
      await fault.remove();
      // Requests that were sent before the error may still reach the store: dozens, on connections that it has not accepted yet.
      let length = -1;
      const arrived = async () => {
        const before = length;
        await new Promise((done) => setTimeout(done, 100));
        ({ length } = await store.chunkRequests());
        return length === before && (await idle(store));
      };
      await until(arrived, "nothing is in flight");
      equal(length <= file.stats.requests, true, "requests that were sent");
      for (let i = 0; i < 3; i++) await rejectsWith(error, () => reader.read(), "a later read");
      await rejectsWith(error, () => reader.closed, "closed");
      await roundTrips(kelp, store);
      equal((await store.chunkRequests()).length, length, "requests afterwards");
    },
  },
  {
    // F84
    name: "a file of holes is zeros in pieces", cluster: null,
    async run(kelp, store) {
      const size = 2 ** 50;
      const { url, path, entry } = await store.addFile({ path: "/f/petabyte.bin", size: 1234, chunks: [] });
      await store.addEntry(path, entry.replace('"FileSize":1234', `"FileSize":${size}`));
      const file = await kelp.openFiler(url);
      equal(file.size, size, "size");
      await store.resetLog();
      const reader = file.stream({ start: size - 2 ** 40 }).getReader();
      const bytes = await readSome(reader, 1_000_000);
      ok(bytes.length < 40_000_000 && bytes.every((byte) => byte === 0), "zeros, not too many");
      await reader.cancel();
      same(await store.requests(), [], "requests");
    },
  },
  {
    // F80
    name: "positions beyond 4 GiB are exact", cluster: null,
    async run(kelp, store, help) {
      const offset = 2 ** 40 + 12_345;
      const { url, path, entry } = await store.addFile({ path: "/f/far.bin", chunks: [{ content: "noise:far", length: 10_000, offset: 1234 }] });
      await store.addEntry(path, entry.replace('"offset":1234', `"offset":${offset}`).replace('"FileSize":11234', `"FileSize":${offset + 10_000}`));
      const file = await kelp.openFiler(url);
      const right = await help.content("noise:far", 10_000);
      sameBytes(await file.bytes({ start: offset }), right);
      sameBytes(await file.bytes({ start: offset + 5000, end: offset + 5010 }), right.subarray(5000, 5010));
      const across = await file.bytes({ start: offset - 10, end: offset + 10 });
      sameBytes(across, joined([new Uint8Array(10), right.subarray(0, 10)]));
    },
  },
];
