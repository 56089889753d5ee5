// What readers do to a stream with the methods of the platform: cancel, throw, lock, release, tee, pipe.
import { equal, fails, ok, rejects, rejectsWith, same, sameBytes, throws } from "./assert.mjs";
import { QUICK, joined, readAll, readSome, until } from "./helpers.mjs";
import { MemoryStore, contentOf } from "./memory-store.mjs";

/** A signal that counts its listeners. */
function counted() {
  const leaving = new AbortController();
  const { signal } = leaving;
  const counts = { added: 0, removed: 0 };
  for (const [method, count] of [["addEventListener", "added"], ["removeEventListener", "removed"]]) {
    signal[method] = (...args) => {
      counts[count]++;
      EventTarget.prototype[method].apply(signal, args);
    };
  }
  return { leaving, signal, counts };
}

/** A stream whose first chunk was read and whose other requests hang: `{ store, file, stream, reader }`. */
async function halfway(kelp, options) {
  const store = new MemoryStore();
  store.hangFrom(1);
  const file = await store.open(kelp, options);
  const stream = file.stream();
  const reader = stream.getReader();
  const read = await readSome(reader, store.length);
  await until(() => store.inFlight > 0 && file.stats.inFlight === store.inFlight, "the look-ahead hangs");
  return { store, file, stream, reader, read };
}

/** One turn of the event loop: requests are aborted within it. */
const aTurn = () => new Promise((wake) => setTimeout(wake, 0));

/** Asserts that nothing of a file's streams is left after one turn. */
async function nothingLeft(store, file, what) {
  await aTurn();
  equal(store.inFlight, 0, `${what}: requests in flight`);
  same([file.stats.inFlight, file.stats.bytesAhead], [0, 0], `${what}: stats`);
}

/** Time in which another request could follow. */
const aWhile = () => new Promise((wake) => setTimeout(wake, 30));

const KINDS = ["queue", "request", "headers", "first-byte", "body", "delivered", "end"];

/** What a listener does to the stream, its file or its pool. */
const MEDDLING = {
  "cancels the stream": ({ reader }) => reader.cancel("from within").catch(() => {}),
  "cancels it twice": ({ reader }) => [1, 2].map(() => reader.cancel().catch(() => {})),
  "aborts its signal": ({ leaving }) => leaving.abort("from within"),
  "closes the file": ({ file }) => file.close(),
  "closes the pool": ({ pool }) => pool.close(),
  "does all of that": (all) => Object.entries(MEDDLING).slice(0, -1).forEach(([, meddle]) => meddle(all)),
};

export const consumers = [
  {
    // F92
    name: "cancelling during a read ends it and all requests", cluster: null,
    async run(kelp) {
      const { store, file, stream, reader } = await halfway(kelp);
      await readSome(reader, store.length / 2);
      const waiting = reader.read();
      const reason = { why: "enough" };
      const cancelled = reader.cancel(reason);
      await nothingLeft(store, file, "a turn later");
      equal(await cancelled, undefined, "what cancel resolves to");
      same(await waiting, { done: true, value: undefined }, "the read that waited");
      equal(await reader.cancel(reason), undefined, "a second cancel");
      reader.releaseLock();
      equal(await stream.cancel(), undefined, "a third one, of the stream");
      const { length } = store.requests;
      await aWhile();
      equal(store.requests.length, length, "requests afterwards");
    },
  },
  {
    // F92
    name: "cancelling after the last byte changes nothing", cluster: null,
    async run(kelp) {
      for (const past of [false, true]) {
        const store = new MemoryStore();
        const file = await store.open(kelp);
        const reader = file.stream().getReader();
        sameBytes(await readSome(reader, store.size), contentOf(0, store.size));
        if (past) equal((await reader.read()).done, true, "the end");
        equal(await reader.cancel("late"), undefined, "cancel");
        await reader.closed;
        equal((await reader.read()).done, true, "a read afterwards");
        await nothingLeft(store, file, "afterwards");
        equal(file.stats.bytesDelivered, store.size, "bytes delivered");
      }
    },
  },
  {
    // F94
    name: "what has ended keeps no listener on a signal", cluster: null,
    async run(kelp) {
      const { signal, counts } = counted();
      const own = counted();
      const store = new MemoryStore();
      const open = (options) => store.open(kelp, { signal, ...QUICK, ...options });
      const balanced = (what) => {
        equal(signal.aborted, false, what);
        for (const { added, removed } of [counts, own.counts]) ok(added > 0 && added === removed, `${what}: ${added} added, ${removed} removed`);
      };
      const range = { signal: own.signal };
      const file = await open();
      await file.bytes(range);
      balanced("bytes");
      for (const way of ["arrayBuffer", "blob", "text"]) {
        await file[way](range);
        balanced(way);
      }
      await readAll(file.stream(range));
      balanced("a stream to its end");
      await file.stream(range).cancel();
      balanced("a stream cancelled unread");
      const reader = file.stream(range).getReader();
      await reader.read();
      await reader.cancel();
      balanced("a stream cancelled later");
      // Without a Request: the platform would listen too, until it collects the request.
      await (await file.response({ method: "GET", headers: new Headers(), ...range })).arrayBuffer();
      balanced("a response");
      await readAll(file.stream({ ...range, start: store.size }));
      balanced("an empty stream");
      store.faults.set(2, new Error("no network"));
      await fails(kelp, "network", () => file.bytes(range));
      balanced("bytes that failed");
      ok((await readAll(file.stream(range))).error, "the stream failed");
      balanced("a stream that failed");
      await rejects(RangeError, () => kelp.openManifest({ size: 10, chunks: [{ urls: ["https://a.example/"], offset: -1, size: 6 }] }, { signal }));
      await kelp.openUrl("https://store.example/0", { signal, fetch: store.fetch, ...QUICK });
      await fails(kelp, "network", () => kelp.openUrl("https://store.example/2", { signal, fetch: store.fetch, ...QUICK }));
      balanced("opening");
      const closing = await open();
      const stream = closing.stream(range);
      closing.close();
      throws(kelp.KelpError, () => closing.stream(range));
      await fails(kelp, "closed", () => stream.getReader().read());
      await fails(kelp, "closed", () => closing.bytes(range));
      balanced("a closed file");
    },
  },
  {
    name: "after an abort no signal keeps a listener", cluster: null,
    async run(kelp) {
      for (const first of ["the file's", "the range's"]) {
        const [one, other] = [counted(), counted()];
        const store = new MemoryStore();
        store.hangFrom(0);
        const file = await store.open(kelp, { signal: one.signal });
        const reading = [readAll(file.stream({ signal: other.signal })), readAll(file.stream({ signal: other.signal })), file.bytes({ signal: other.signal }).then(null, (error) => ({ error }))];
        await until(() => store.inFlight > 0, "requests are in flight");
        const reason = Symbol(first);
        const [aborted, late] = first === "the file's" ? [one, other] : [other, one];
        aborted.leaving.abort(reason);
        late.leaving.abort(new Error("too late"));
        for (const { error } of await Promise.all(reading)) ok(error === reason, `${first} reason itself`);
        for (const { counts } of [one, other]) equal(counts.added, counts.removed, `${first} listeners`);
        await nothingLeft(store, file, first);
      }
    },
  },
  {
    // F94
    name: "any reason of an abort is passed on unchanged", cluster: null,
    async run(kelp) {
      for (const reason of [undefined, null, 0, "", false, Symbol("left"), new kelp.KelpError("internal", "mine")]) {
        for (const early of [true, false]) {
          const store = new MemoryStore();
          store.hangFrom(0);
          const file = await store.open(kelp);
          const leaving = new AbortController();
          if (early) leaving.abort(reason);
          const { signal } = leaving;
          const reading = [readAll(file.stream({ signal })), file.bytes({ signal }).catch((error) => ({ error }))];
          if (!early) await until(() => store.inFlight > 0, "requests are in flight");
          leaving.abort(reason);
          const wanted = leaving.signal.reason;
          if (reason === undefined) equal(wanted.name, "AbortError", "name of the reason");
          for (const read of await Promise.all(reading)) ok(Object.is(read.error, wanted), `${String(reason)}, ${early}`);
          await nothingLeft(store, file, String(reason));
          if (early) equal(store.requests.length, 0, "requests");
        }
      }
    },
  },
  {
    name: "a transform that throws ends the requests", cluster: null,
    async run(kelp) {
      const boom = new Error("from transform");
      for (const hooks of [{ transform() { throw boom; } }, { async transform() { throw boom; } }, { transform(piece, controller) { controller.error(boom); } }, { start() { throw boom; } }]) {
        const store = new MemoryStore();
        store.hangFrom(3);
        const file = await store.open(kelp);
        const reading = async () => readAll(file.stream().pipeThrough(new TransformStream(hooks)));
        const { error } = await reading().catch((thrown) => ({ error: thrown }));
        ok(error === boom, "the error itself");
        await until(() => store.inFlight === 0, "nothing is in flight");
        await until(() => file.stats.bytesAhead === 0, "nothing is held");
        const { length } = store.requests;
        await aWhile();
        equal(store.requests.length, length, "requests afterwards");
      }
    },
  },
  {
    name: "a failed or aborted destination ends the requests", cluster: null,
    async run(kelp) {
      const boom = new Error("disk full");
      let controller, writes = 0;
      const ways = {
        "write throws": { write() { if (++writes > 2) throw boom; } },
        "write rejects": { async write() { throw boom; } },
        "it errors in between": { start(it) { controller = it; }, write() { controller.error(boom); } },
      };
      for (const [way, sink] of Object.entries(ways)) {
        const store = new MemoryStore();
        store.hangFrom(8);
        const file = await store.open(kelp);
        await rejectsWith(boom, file.stream().pipeTo(new WritableStream(sink)), way);
        await nothingLeft(store, file, way);
      }
      const store = new MemoryStore();
      store.hangFrom(2);
      const file = await store.open(kelp);
      const leaving = new AbortController();
      let written = 0;
      const piping = file.stream().pipeTo(new WritableStream({ write: (piece) => void (written += piece.length) }), { signal: leaving.signal });
      await until(() => written === 2.5 * store.length, "what there is was written");
      leaving.abort(boom);
      await rejectsWith(boom, piping, "pipeTo with a signal");
      await nothingLeft(store, file, "a pipe that was aborted");
    },
  },
  {
    // F96
    name: "preventCancel leaves the rest to the next reader", cluster: null,
    async run(kelp) {
      const store = new MemoryStore();
      const file = await store.open(kelp);
      const stream = file.stream();
      const pieces = [];
      const sink = new WritableStream({
        write(piece, controller) {
          pieces.push(piece);
          if (pieces.length === 3) controller.error("full");
        },
      }, { highWaterMark: 1 });
      await rejectsWith("full", stream.pipeTo(sink, { preventCancel: true }));
      const { bytes, error } = await readAll(stream);
      equal(error, null, "error");
      const rest = store.size - joined(pieces).length;
      // The piece that was being written when the destination failed is lost.
      ok(bytes.length > 0 && bytes.length <= rest, `${bytes.length} of ${rest} bytes`);
      sameBytes(bytes, contentOf(store.size - bytes.length, store.size), "the rest");
    },
  },
  {
    // F96
    name: "a stream has one reader at a time", cluster: null,
    async run(kelp) {
      const store = new MemoryStore();
      const file = await store.open(kelp);
      const stream = file.stream();
      const reader = stream.getReader();
      const start = await readSome(reader, 1);
      throws(TypeError, () => stream.getReader(), "a second reader");
      throws(TypeError, () => stream.tee(), "tee");
      throws(TypeError, () => stream.pipeThrough(new TransformStream()), "pipeThrough");
      throws(TypeError, () => new Response(stream), "a Response");
      await rejects(TypeError, () => stream.pipeTo(new WritableStream()), "pipeTo");
      await rejects(TypeError, () => stream.cancel(), "cancel");
      const rest = await readSome(reader, store.size - start.length);
      sameBytes(joined([start, rest]), contentOf(0, store.size));
      equal((await reader.read()).done, true, "the end");
    },
  },
  {
    // F96
    name: "a released reader leaves all bytes to the next one", cluster: null,
    async run(kelp) {
      const store = new MemoryStore();
      const file = await store.open(kelp);
      const stream = file.stream();
      const pieces = [];
      const take = ({ done, value }) => {
        if (!done) pieces.push(value);
        return done;
      };
      const byob = typeof ReadableByteStreamController === "function";
      for (let turn = 0, over = false; !over; turn++) {
        const own = byob && turn % 3 === 1;
        const reader = stream.getReader(own ? { mode: "byob" } : {});
        const read = () => (own ? reader.read(new Uint8Array(300)) : reader.read());
        if (turn % 2 === 0) {
          over = take(await read());
          reader.releaseLock();
          continue;
        }
        const waiting = read().then(take, (error) => isLetGo(error));
        const closed = reader.closed.catch((error) => isLetGo(error));
        try {
          reader.releaseLock();
        } catch (error) {
          // Before 2022 a reader could not be released while it waited.
          ok(error instanceof TypeError, String(error));
          over = await waiting;
          reader.releaseLock();
          continue;
        }
        over = (await waiting) ?? false;
        await closed;
      }
      sameBytes(joined(pieces), contentOf(0, store.size));
      await nothingLeft(store, file, "afterwards");
    },
  },
  {
    // F98
    name: "requests end with the last branch of a tee", cluster: null,
    async run(kelp) {
      const store = new MemoryStore();
      const file = await store.open(kelp);
      const [one, two] = file.stream().tee();
      const [leaving, staying] = [readAll(one), readAll(two)];
      sameBytes((await leaving).bytes, contentOf(0, store.size), "one branch");
      sameBytes((await staying).bytes, contentOf(0, store.size), "the other branch");
      const [left, stays] = file.stream().tee();
      const leftAlone = left.cancel("one");
      sameBytes((await readAll(stays)).bytes, contentOf(0, store.size), "the branch that stays");
      await leftAlone;
      store.hangFrom(4);
      const both = file.stream().tee();
      const readers = both.map((branch) => branch.getReader());
      await readers[0].read();
      await until(() => store.inFlight > 0, "requests are in flight");
      const first = readers[0].cancel("one");
      ok(store.inFlight > 0, "the other branch still wants them");
      await Promise.all([first, readers[1].cancel("two")]);
      await nothingLeft(store, file, "both have left");
    },
  },
  {
    name: "leaving an iteration cancels unless preventCancel is set", cluster: null,
    async run(kelp) {
      if (!ReadableStream.prototype[Symbol.asyncIterator]) return;
      const store = new MemoryStore();
      const file = await store.open(kelp);
      const stream = file.stream();
      const pieces = [];
      for await (const piece of stream.values({ preventCancel: true })) {
        pieces.push(piece);
        if (pieces.length === 3) break;
      }
      for await (const piece of stream) pieces.push(piece);
      sameBytes(joined(pieces), contentOf(0, store.size));
      const boom = new Error("from the loop");
      store.hangFrom(0);
      const other = file.stream();
      await rejectsWith(boom, async () => { for await (const piece of other) if (piece.length > 0) throw boom; });
      await nothingLeft(store, file, "afterwards");
      equal(other.locked, false, "locked");
      equal((await other.getReader().read()).done, true, "the stream that was broken off");
    },
  },
  {
    name: "closing ends all open streams at once", cluster: null,
    async run(kelp) {
      for (const what of ["a file", "a pool"]) {
        const pool = new kelp.Pool({ maxConcurrency: 1000 });
        const store = new MemoryStore();
        store.hangFrom(1);
        const files = await Promise.all(Array.from({ length: what === "a pool" ? 5 : 1 }, () => store.open(kelp, { pool })));
        const open = files.flatMap((file) => Array.from({ length: 20 }, () => file.stream().getReader()));
        const [waiting, idle, unread] = [0, 1, 2].map((kind) => open.filter((_, i) => i % 3 === kind));
        await Promise.all(idle.map((reader) => reader.read()));
        const reads = waiting.map((reader) => readSome(reader, store.size));
        reads.push(...files.map((file) => file.bytes()));
        reads.forEach((read) => read.catch(() => {}));
        await until(() => pool.inFlight > 10, "requests are in flight");
        if (what === "a pool") pool.close();
        else files[0].close();
        await aTurn();
        equal(store.inFlight, 0, `${what}: requests at once`);
        same([pool.bytes, pool.inFlight], [0, 0], `${what}: the pool at once`);
        for (const read of reads) await fails(kelp, "closed", read, `${what}: a read that waited`);
        for (const reader of [...idle, ...unread]) await fails(kelp, "closed", async () => { for (;;) await reader.read(); }, `${what}: a later read`);
      }
    },
  },
  {
    // F214
    name: "a request that is cancelled in its event is never sent", cluster: null,
    async run(kelp) {
      const store = new MemoryStore();
      let reader;
      const onEvent = ({ kind }) => kind === "request" && reader.cancel();
      reader = (await store.open(kelp, { onEvent, concurrency: 1 })).stream().getReader();
      await reader.read();
      await new Promise((wake) => setTimeout(wake, 50));
      equal(store.requests.length, 0, "requests");
    },
  },
  {
    // F215
    name: "pieces that a fetch gives to others too stay theirs", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await store.addFile({ path: "/f/two.bin", content: "noise:two", length: 9000, chunkSize: 9000, replicas: [0] });
      const right = await help.content("noise:two", 9000);
      const copies = [];
      // As one that caches what it fetches.
      const shared = async (url, init) => {
        const response = await fetch(url, init);
        copies.push(response.clone().arrayBuffer());
        return response;
      };
      const file = await kelp.openEntry(entry, { fetch: shared, locate: store.locateOn(0) });
      const reader = file.stream().getReader();
      for (let read; !(read = await reader.read()).done; ) structuredClone(read.value, { transfer: [read.value.buffer] });
      sameBytes(new Uint8Array(await copies[0]), right, "the copy");
    },
  },
  ...Object.entries(MEDDLING).map(([what, meddle]) => ({
    name: `a listener that ${what} in any event breaks nothing`, cluster: null,
    async run(kelp) {
      for (const kind of KINDS) {
        for (const ending of ["to its end", "cancelled", "aborted", "closed"]) {
          const here = `${kind}, ${ending}`;
          const store = new MemoryStore();
          if (ending !== "to its end") store.hangFrom(1);
          const pool = new kelp.Pool();
          const leaving = new AbortController();
          let reader, file, met = 0;
          const onEvent = (event) => {
            if (!reader || event.kind !== kind) return;
            met++;
            equal(typeof file.stats.inFlight, "number", "stats within an event");
            meddle({ reader, file, pool, leaving });
          };
          file = await store.open(kelp, { pool, onEvent });
          reader = file.stream({ signal: leaving.signal }).getReader();
          const reading = (async () => { while (!(await reader.read()).done); })().then(() => null, (error) => error);
          if (ending !== "to its end") {
            // A listener that ends it in the event `request` keeps that from being sent.
            await until(() => store.requests.length + met > 0, "a request is sent");
            // A failed stream rejects `cancel` with its error, as the specification says.
            if (ending === "cancelled") await reader.cancel().catch((error) => ok(error === "from within" || error.code === "closed", `${here}: ${error}`));
            if (ending === "aborted") leaving.abort("from outside");
            if (ending === "closed") file.close();
          }
          const error = await reading;
          if (ending === "aborted" && kind === "end") equal(error, "from outside", here);
          ok(met > 0 || ending !== "to its end", `${here}: there was such an event`);
          await until(() => store.inFlight === 0, `${here}: nothing is in flight`);
          same([pool.bytes, pool.inFlight, file.stats.inFlight, file.stats.bytesAhead], [0, 0, 0, 0], here);
        }
      }
    },
  })),
  {
    // F100
    name: "a listener may open and read another file", cluster: null,
    async run(kelp) {
      const inner = [];
      const store = new MemoryStore();
      const other = new MemoryStore({ chunks: 3 });
      const onEvent = () => inner.push(other.open(kelp).then((file) => file.bytes()));
      const file = await store.open(kelp, { onEvent });
      sameBytes(await file.bytes(), contentOf(0, store.size));
      ok(inner.length > 16, `${inner.length} events`);
      for (const bytes of await Promise.all(inner)) sameBytes(bytes, contentOf(0, other.size));
    },
  },
  {
    name: "a failed file does not affect others of its pool", cluster: null,
    async run(kelp) {
      const pool = new kelp.Pool({ maxBytes: 4000, maxConcurrency: 4 });
      const [good, bad] = [new MemoryStore(), new MemoryStore()];
      bad.faults.set(2, new Error("no network"));
      const [file, failing] = await Promise.all([good, bad].map((store) => store.open(kelp, { pool, ...QUICK })));
      const reading = file.bytes();
      for (let i = 0; i < 5; i++) await fails(kelp, "network", () => failing.bytes());
      failing.close();
      sameBytes(await reading, contentOf(0, good.size));
      sameBytes(await file.bytes(), contentOf(0, good.size), "later");
      same([pool.bytes, pool.inFlight], [0, 0], "the pool");
      for (const [store, what] of [[good, "the good one"], [bad, "the bad one"]]) equal(store.inFlight, 0, what);
    },
  },
];

/** Asserts that a read was rejected because its reader was released. */
function isLetGo(error) {
  ok(error instanceof TypeError, String(error));
}
