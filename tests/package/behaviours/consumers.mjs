// What readers do to a stream, by the platform's means: they leave, throw, lock, let go and come back.
import { equal, fails, ok, rejects, rejectsWith, same, sameBytes, throws } from "./assert.mjs";
import { QUICK, joined, readAll, readSome, until } from "./helpers.mjs";
import { Shelf, shelved } from "./shelf.mjs";

/** A signal that lives long, and counts who listens. */
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

/** A stream of which the first chunk was read and the rest hangs: `{ shelf, file, stream, reader }`. */
async function halfway(kelp, options) {
  const shelf = new Shelf();
  shelf.hangFrom(1);
  const file = await shelf.open(kelp, options);
  const stream = file.stream();
  const reader = stream.getReader();
  const read = await readSome(reader, shelf.length);
  await until(() => shelf.inFlight > 0 && file.stats.inFlight === shelf.inFlight, "the look-ahead hangs");
  return { shelf, file, stream, reader, read };
}

/** One turn of the event loop: in it requests are aborted, and no later. */
const aTurn = () => new Promise((wake) => setTimeout(wake, 0));

/** That nothing of a file's streams is left, a turn later. */
async function nothingLeft(shelf, file, what) {
  await aTurn();
  equal(shelf.inFlight, 0, `${what}: requests in flight`);
  same([file.stats.inFlight, file.stats.bytesAhead], [0, 0], `${what}: stats`);
}

/** Time in which something could follow. */
const aWhile = () => new Promise((wake) => setTimeout(wake, 30));

const KINDS = ["queue", "request", "headers", "first-byte", "body", "delivered", "end"];

/** What a listener might do to the stream, or to all that is around it. */
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
    name: "cancelling while a read waits ends it and every request at once, and twice does no harm", cluster: null,
    async run(kelp) {
      const { shelf, file, stream, reader } = await halfway(kelp);
      await readSome(reader, shelf.length / 2);
      const waiting = reader.read();
      const reason = { why: "enough" };
      const cancelled = reader.cancel(reason);
      await nothingLeft(shelf, file, "a turn later");
      equal(await cancelled, undefined, "what cancel resolves to");
      same(await waiting, { done: true, value: undefined }, "the read that waited");
      equal(await reader.cancel(reason), undefined, "a second cancel");
      reader.releaseLock();
      equal(await stream.cancel(), undefined, "a third one, of the stream");
      const { length } = shelf.requests;
      await aWhile();
      equal(shelf.requests.length, length, "requests afterwards");
    },
  },
  {
    // F92
    name: "cancelling after the last byte, or after the end, changes nothing", cluster: null,
    async run(kelp) {
      for (const past of [false, true]) {
        const shelf = new Shelf();
        const file = await shelf.open(kelp);
        const reader = file.stream().getReader();
        sameBytes(await readSome(reader, shelf.size), shelved(0, shelf.size));
        if (past) equal((await reader.read()).done, true, "the end");
        equal(await reader.cancel("late"), undefined, "cancel");
        await reader.closed;
        equal((await reader.read()).done, true, "a read afterwards");
        await nothingLeft(shelf, file, "afterwards");
        equal(file.stats.bytesDelivered, shelf.size, "bytes delivered");
      }
    },
  },
  {
    // F94
    name: "a signal that lives on is left alone by everything that has ended", cluster: null,
    async run(kelp) {
      const { signal, counts } = counted();
      const own = counted();
      const shelf = new Shelf();
      const open = (options) => shelf.open(kelp, { signal, ...QUICK, ...options });
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
      // No Request: that would listen too, and it is the platform's to stop.
      await (await file.response({ method: "GET", headers: new Headers(), ...range })).arrayBuffer();
      balanced("a response");
      await readAll(file.stream({ ...range, start: shelf.size }));
      balanced("an empty stream");
      shelf.faults.set(2, new Error("no network"));
      await fails(kelp, "network", () => file.bytes(range));
      balanced("bytes that failed");
      ok((await readAll(file.stream(range))).error, "the stream failed");
      balanced("a stream that failed");
      await rejects(RangeError, () => kelp.openManifest({ size: 10, chunks: [{ urls: ["https://a.example/"], offset: -1, size: 6 }] }, { signal }));
      await kelp.openUrl("https://shelf.example/0", { signal, fetch: shelf.fetch, ...QUICK });
      await fails(kelp, "network", () => kelp.openUrl("https://shelf.example/2", { signal, fetch: shelf.fetch, ...QUICK }));
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
    name: "an aborted signal is listened to no more, and neither is its fellow", cluster: null,
    async run(kelp) {
      for (const first of ["the file's", "the range's"]) {
        const [one, other] = [counted(), counted()];
        const shelf = new Shelf();
        shelf.hangFrom(0);
        const file = await shelf.open(kelp, { signal: one.signal });
        const reading = [readAll(file.stream({ signal: other.signal })), readAll(file.stream({ signal: other.signal })), file.bytes({ signal: other.signal }).then(null, (error) => ({ error }))];
        await until(() => shelf.inFlight > 0, "requests are in flight");
        const reason = Symbol(first);
        const [aborted, late] = first === "the file's" ? [one, other] : [other, one];
        aborted.leaving.abort(reason);
        late.leaving.abort(new Error("too late"));
        for (const { error } of await Promise.all(reading)) ok(error === reason, `${first} reason itself`);
        for (const { counts } of [one, other]) equal(counts.added, counts.removed, `${first} listeners`);
        await nothingLeft(shelf, file, first);
      }
    },
  },
  {
    // F94
    name: "any reason is handed on as it is: undefined becomes the platform's own", cluster: null,
    async run(kelp) {
      for (const reason of [undefined, null, 0, "", false, Symbol("left"), new kelp.KelpError("internal", "mine")]) {
        for (const early of [true, false]) {
          const shelf = new Shelf();
          shelf.hangFrom(0);
          const file = await shelf.open(kelp);
          const leaving = new AbortController();
          if (early) leaving.abort(reason);
          const { signal } = leaving;
          const reading = [readAll(file.stream({ signal })), file.bytes({ signal }).catch((error) => ({ error }))];
          if (!early) await until(() => shelf.inFlight > 0, "requests are in flight");
          leaving.abort(reason);
          const wanted = leaving.signal.reason;
          if (reason === undefined) equal(wanted.name, "AbortError", "name of the reason");
          for (const read of await Promise.all(reading)) ok(Object.is(read.error, wanted), `${String(reason)}, ${early}`);
          await nothingLeft(shelf, file, String(reason));
          if (early) equal(shelf.requests.length, 0, "requests");
        }
      }
    },
  },
  {
    name: "a transform that throws stops the requests, and its error is what the reader gets", cluster: null,
    async run(kelp) {
      const boom = new Error("from transform");
      for (const hooks of [{ transform() { throw boom; } }, { async transform() { throw boom; } }, { transform(piece, controller) { controller.error(boom); } }, { start() { throw boom; } }]) {
        const shelf = new Shelf();
        shelf.hangFrom(3);
        const file = await shelf.open(kelp);
        const reading = async () => readAll(file.stream().pipeThrough(new TransformStream(hooks)));
        const { error } = await reading().catch((thrown) => ({ error: thrown }));
        ok(error === boom, "the error itself");
        await until(() => shelf.inFlight === 0, "nothing is in flight");
        await until(() => file.stats.bytesAhead === 0, "nothing is held");
        const { length } = shelf.requests;
        await aWhile();
        equal(shelf.requests.length, length, "requests afterwards");
      }
    },
  },
  {
    name: "a destination that fails, or is aborted, ends the pipe and the requests", cluster: null,
    async run(kelp) {
      const boom = new Error("disk full");
      let controller, writes = 0;
      const ways = {
        "write throws": { write() { if (++writes > 2) throw boom; } },
        "write rejects": { async write() { throw boom; } },
        "it errors in between": { start(it) { controller = it; }, write() { controller.error(boom); } },
      };
      for (const [way, sink] of Object.entries(ways)) {
        const shelf = new Shelf();
        shelf.hangFrom(8);
        const file = await shelf.open(kelp);
        await rejectsWith(boom, file.stream().pipeTo(new WritableStream(sink)), way);
        await nothingLeft(shelf, file, way);
      }
      const shelf = new Shelf();
      shelf.hangFrom(2);
      const file = await shelf.open(kelp);
      const leaving = new AbortController();
      let written = 0;
      const piping = file.stream().pipeTo(new WritableStream({ write: (piece) => void (written += piece.length) }), { signal: leaving.signal });
      await until(() => written === 2.5 * shelf.length, "what there is was written");
      leaving.abort(boom);
      await rejectsWith(boom, piping, "pipeTo with a signal");
      await nothingLeft(shelf, file, "a pipe that was aborted");
    },
  },
  {
    // F96
    name: "a pipe that must not cancel leaves the rest to the next reader", cluster: null,
    async run(kelp) {
      const shelf = new Shelf();
      const file = await shelf.open(kelp);
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
      const rest = shelf.size - joined(pieces).length;
      // What was on its way into the destination when it failed is lost in there.
      ok(bytes.length > 0 && bytes.length <= rest, `${bytes.length} of ${rest} bytes`);
      sameBytes(bytes, shelved(shelf.size - bytes.length, shelf.size), "the rest");
    },
  },
  {
    // F96
    name: "a stream has one reader at a time, and refusing another one changes nothing", cluster: null,
    async run(kelp) {
      const shelf = new Shelf();
      const file = await shelf.open(kelp);
      const stream = file.stream();
      const reader = stream.getReader();
      const start = await readSome(reader, 1);
      throws(TypeError, () => stream.getReader(), "a second reader");
      throws(TypeError, () => stream.tee(), "tee");
      throws(TypeError, () => stream.pipeThrough(new TransformStream()), "pipeThrough");
      throws(TypeError, () => new Response(stream), "a Response");
      await rejects(TypeError, () => stream.pipeTo(new WritableStream()), "pipeTo");
      await rejects(TypeError, () => stream.cancel(), "cancel");
      const rest = await readSome(reader, shelf.size - start.length);
      sameBytes(joined([start, rest]), shelved(0, shelf.size));
      equal((await reader.read()).done, true, "the end");
    },
  },
  {
    // F96
    name: "a reader that lets go, even while it waits, leaves every byte to the next one", cluster: null,
    async run(kelp) {
      const shelf = new Shelf();
      const file = await shelf.open(kelp);
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
          // Before 2022 a reader could not let go while it waited.
          ok(error instanceof TypeError, String(error));
          over = await waiting;
          reader.releaseLock();
          continue;
        }
        over = (await waiting) ?? false;
        await closed;
      }
      sameBytes(joined(pieces), shelved(0, shelf.size));
      await nothingLeft(shelf, file, "afterwards");
    },
  },
  {
    // F98
    name: "of a teed stream one branch may leave, and with the last one the requests end", cluster: null,
    async run(kelp) {
      const shelf = new Shelf();
      const file = await shelf.open(kelp);
      const [one, two] = file.stream().tee();
      const [leaving, staying] = [readAll(one), readAll(two)];
      sameBytes((await leaving).bytes, shelved(0, shelf.size), "one branch");
      sameBytes((await staying).bytes, shelved(0, shelf.size), "the other branch");
      const [left, stays] = file.stream().tee();
      const leftAlone = left.cancel("one");
      sameBytes((await readAll(stays)).bytes, shelved(0, shelf.size), "the branch that stays");
      await leftAlone;
      shelf.hangFrom(4);
      const both = file.stream().tee();
      const readers = both.map((branch) => branch.getReader());
      await readers[0].read();
      await until(() => shelf.inFlight > 0, "requests are in flight");
      const first = readers[0].cancel("one");
      ok(shelf.inFlight > 0, "the other branch still wants them");
      await Promise.all([first, readers[1].cancel("two")]);
      await nothingLeft(shelf, file, "both have left");
    },
  },
  {
    name: "an iteration that is broken off cancels, unless it was asked not to", cluster: null,
    async run(kelp) {
      if (!ReadableStream.prototype[Symbol.asyncIterator]) return;
      const shelf = new Shelf();
      const file = await shelf.open(kelp);
      const stream = file.stream();
      const pieces = [];
      for await (const piece of stream.values({ preventCancel: true })) {
        pieces.push(piece);
        if (pieces.length === 3) break;
      }
      for await (const piece of stream) pieces.push(piece);
      sameBytes(joined(pieces), shelved(0, shelf.size));
      const boom = new Error("from the loop");
      shelf.hangFrom(0);
      const other = file.stream();
      await rejectsWith(boom, async () => { for await (const piece of other) if (piece.length > 0) throw boom; });
      await nothingLeft(shelf, file, "afterwards");
      equal(other.locked, false, "locked");
      equal((await other.getReader().read()).done, true, "the stream that was broken off");
    },
  },
  {
    name: "closing ends any number of open streams at once, whatever each is doing", cluster: null,
    async run(kelp) {
      for (const what of ["a file", "a pool"]) {
        const pool = new kelp.Pool({ maxConcurrency: 1000 });
        const shelf = new Shelf();
        shelf.hangFrom(1);
        const files = await Promise.all(Array.from({ length: what === "a pool" ? 5 : 1 }, () => shelf.open(kelp, { pool })));
        const open = files.flatMap((file) => Array.from({ length: 20 }, () => file.stream().getReader()));
        const [waiting, idle, unread] = [0, 1, 2].map((kind) => open.filter((_, i) => i % 3 === kind));
        await Promise.all(idle.map((reader) => reader.read()));
        const reads = waiting.map((reader) => readSome(reader, shelf.size));
        reads.push(...files.map((file) => file.bytes()));
        reads.forEach((read) => read.catch(() => {}));
        await until(() => pool.inFlight > 10, "requests are in flight");
        if (what === "a pool") pool.close();
        else files[0].close();
        await aTurn();
        equal(shelf.inFlight, 0, `${what}: requests at once`);
        same([pool.bytes, pool.inFlight], [0, 0], `${what}: the pool at once`);
        for (const read of reads) await fails(kelp, "closed", read, `${what}: a read that waited`);
        for (const reader of [...idle, ...unread]) await fails(kelp, "closed", async () => { for (;;) await reader.read(); }, `${what}: a later read`);
      }
    },
  },
  ...Object.entries(MEDDLING).map(([what, meddle]) => ({
    name: `a listener that ${what} in whatever event ends the stream and breaks nothing`, cluster: null,
    async run(kelp) {
      for (const kind of KINDS) {
        for (const ending of ["to its end", "cancelled", "aborted", "closed"]) {
          const here = `${kind}, ${ending}`;
          const shelf = new Shelf();
          if (ending !== "to its end") shelf.hangFrom(1);
          const pool = new kelp.Pool();
          const leaving = new AbortController();
          let reader, file, met = 0;
          const onEvent = (event) => {
            if (!reader || event.kind !== kind) return;
            met++;
            equal(typeof file.stats.inFlight, "number", "stats within an event");
            meddle({ reader, file, pool, leaving });
          };
          file = await shelf.open(kelp, { pool, onEvent });
          reader = file.stream({ signal: leaving.signal }).getReader();
          const reading = (async () => { while (!(await reader.read()).done); })().then(() => null, (error) => error);
          if (ending !== "to its end") {
            await until(() => shelf.requests.length > 0, "a request is sent");
            // What is in error rejects it with that, as the platform says.
            if (ending === "cancelled") await reader.cancel().catch((error) => ok(error === "from within" || error.code === "closed", `${here}: ${error}`));
            if (ending === "aborted") leaving.abort("from outside");
            if (ending === "closed") file.close();
          }
          const error = await reading;
          if (ending === "aborted" && kind === "end") equal(error, "from outside", here);
          ok(met > 0 || ending !== "to its end", `${here}: there was such an event`);
          await until(() => shelf.inFlight === 0, `${here}: nothing is in flight`);
          same([pool.bytes, pool.inFlight, file.stats.inFlight, file.stats.bytesAhead], [0, 0, 0, 0], here);
        }
      }
    },
  })),
  {
    // F100
    name: "a listener may open another file and read it, within any event", cluster: null,
    async run(kelp) {
      const inner = [];
      const shelf = new Shelf();
      const other = new Shelf({ chunks: 3 });
      const onEvent = () => inner.push(other.open(kelp).then((file) => file.bytes()));
      const file = await shelf.open(kelp, { onEvent });
      sameBytes(await file.bytes(), shelved(0, shelf.size));
      ok(inner.length > 16, `${inner.length} events`);
      for (const bytes of await Promise.all(inner)) sameBytes(bytes, shelved(0, other.size));
    },
  },
  {
    name: "a file that fails does nothing to another of its pool", cluster: null,
    async run(kelp) {
      const pool = new kelp.Pool({ maxBytes: 4000, maxConcurrency: 4 });
      const [good, bad] = [new Shelf(), new Shelf()];
      bad.faults.set(2, new Error("no network"));
      const [file, failing] = await Promise.all([good, bad].map((shelf) => shelf.open(kelp, { pool, ...QUICK })));
      const reading = file.bytes();
      for (let i = 0; i < 5; i++) await fails(kelp, "network", () => failing.bytes());
      failing.close();
      sameBytes(await reading, shelved(0, good.size));
      sameBytes(await file.bytes(), shelved(0, good.size), "later");
      same([pool.bytes, pool.inFlight], [0, 0], "the pool");
      for (const [shelf, what] of [[good, "the good one"], [bad, "the bad one"]]) equal(shelf.inFlight, 0, what);
    },
  },
];

/** That a read was refused because its reader let go. */
function isLetGo(error) {
  ok(error instanceof TypeError, String(error));
}
