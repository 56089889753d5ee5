// Stats, events, progress.
import { equal, fails, ok, same, sameBytes } from "./assert.mjs";
import { QUICK, readAll, sum, until } from "./helpers.mjs";

const SIZE = 400_000;
const CHUNK = 16_384;
const CHUNKS = Math.ceil(SIZE / CHUNK);

const add = (store, more) => store.addFile({ path: "/f/counted.bin", content: "noise:count", length: SIZE, chunkSize: CHUNK, replicas: [0, 1], ...more });
const kinds = (events, kind) => events.filter((event) => event.kind === kind);

export const accounts = [
  {
    name: "stats add up after a stream has ended", cluster: null,
    async run(kelp, store) {
      const file = await kelp.openFiler((await add(store)).url, { concurrency: 3 });
      equal(file.stats.bytesDelivered, 0, "bytes delivered before anything is read");
      await store.resetLog();
      await file.bytes();
      const { stats } = file;
      same(
        [stats.bytesDelivered, stats.bytesReceived, stats.requests, stats.bytesAhead, stats.inFlight, stats.retries, stats.failovers, stats.hedges, stats.relookups, stats.holes, stats.holeBytes],
        [SIZE, SIZE, CHUNKS, 0, 0, 0, 0, 0, 0, 0, 0], "stats",
      );
      equal((await store.chunkRequests()).length, stats.requests, "requests at the store");
      equal(stats.concurrency, 3, "concurrency");
      ok(stats.peakBytesAhead > 0 && stats.peakBytesAhead <= file.plan().peakBytes, `peakBytesAhead ${stats.peakBytesAhead} of ${file.plan().peakBytes}`);
      for (const [name, ms] of Object.entries(stats.waits)) ok(Number.isFinite(ms) && ms >= 0, `waits.${name} is ${ms}`);
      same(Object.keys(stats.waits).sort(), ["budget", "decode", "network", "reader"], "waits");
      await file.bytes({ start: 0, end: 1000 });
      equal(file.stats.bytesDelivered, SIZE + 1000, "bytes delivered by two streams");
      equal(stats.bytesDelivered, SIZE, "stats are a snapshot");
    },
  },
  {
    name: "stats count retries and failovers", cluster: null,
    async run(kelp, store, help) {
      const { entry, fileIds } = await add(store);
      const right = await help.content("noise:count", SIZE);
      const other = await store.fault({ fileId: fileIds[1], times: 1 }, { status: 500 });
      const failing = await kelp.openEntry(entry, { locate: store.locateOn(0, 1), hedge: false, ...QUICK });
      sameBytes(await failing.bytes(), right);
      same([failing.stats.requests, failing.stats.failovers, failing.stats.retries], [CHUNKS + 1, 1, 0], "requests, failovers and retries of two replicas");
      await other.remove();
      await store.fault({ fileId: fileIds[3], times: 2 }, { status: 500 });
      const trying = await kelp.openEntry(entry, { locate: store.locateOn(0), retry: { passes: 3, baseDelay: 1, maxDelay: 5 } });
      sameBytes(await trying.bytes(), right);
      same([trying.stats.requests, trying.stats.failovers, trying.stats.retries], [CHUNKS + 2, 0, 2], "requests, failovers and retries of one replica");
    },
  },
  {
    name: "holes are counted", cluster: "plain",
    async run(kelp, store) {
      const file = await kelp.openFiler(store.urlOf("/d/sparse.bin"));
      const { gaps, gapBytes } = file.plan();
      await file.bytes();
      same([file.stats.holes, file.stats.holeBytes], [gaps, gapBytes], "holes");
      ok(gaps > 0, "there are gaps");
    },
  },
  {
    name: "events report requests, headers, delivered bytes, one end", cluster: null,
    async run(kelp, store) {
      const { url, fileIds } = await add(store, { size: SIZE + 5000 });
      const events = [];
      const file = await kelp.openFiler(url, { onEvent: (event) => events.push(event) });
      events.length = 0;
      await file.bytes();
      await until(() => kinds(events, "end").length > 0, "the end is reported");
      const reported = kinds(events, "request");
      same([reported.length, kinds(events, "headers").length, kinds(events, "end").length], [CHUNKS, CHUNKS, 1], "requests, headers, ends");
      same([...new Set(reported.map(({ chunk }) => chunk))].sort(), [...fileIds].sort(), "requested chunks");
      ok(reported.every(({ host }) => host === new URL(store.filer).host), "hosts");
      ok(kinds(events, "headers").every(({ status }) => status === 200), "statuses");
      equal(sum(kinds(events, "delivered"), "bytes"), SIZE + 5000, "bytes delivered");
      ok(kinds(events, "hole").length > 0, "the hole is reported");
      equal(events.at(-1).kind, "end", "the last event");
      ok(events.every(({ at }, i) => Number.isFinite(at) && at >= (events[i - 1]?.at ?? 0)), "times never go back");
    },
  },
  {
    name: "a failed or cancelled stream has one end event", cluster: null,
    async run(kelp, store) {
      const { url, fileIds } = await add(store);
      const fault = await store.fault({ fileId: fileIds[3] }, { status: 404 });
      const events = [];
      const file = await kelp.openFiler(url, { onEvent: (event) => events.push(event), ...QUICK });
      events.length = 0;
      const { bytes, error } = await readAll(file.stream());
      ok(error, "it failed");
      await until(() => kinds(events, "end").length > 0, "the end is reported");
      equal(kinds(events, "end").length, 1, "ends of the failed stream");
      equal(kinds(events, "end")[0].reason, "not_found", "reason of the end");
      equal(sum(kinds(events, "delivered"), "bytes"), bytes.length, "bytes delivered");
      await fault.remove();
      events.length = 0;
      const reader = file.stream().getReader();
      await reader.read();
      await reader.cancel("enough");
      await until(() => kinds(events, "end").length > 0, "the end is reported");
      equal(kinds(events, "end").length, 1, "ends of the cancelled stream");
    },
  },
  {
    name: "progress never decreases, and ends once with the total", cluster: null,
    async run(kelp, store) {
      const reported = [];
      const file = await kelp.openFiler((await add(store)).url, { onProgress: (progress) => reported.push({ ...progress }), concurrency: 2 });
      await store.setLatency(30);
      await file.bytes();
      await until(() => reported.at(-1)?.delivered === SIZE, "the end is reported");
      same(reported.at(-1), { delivered: SIZE, received: SIZE, total: SIZE }, "the last progress");
      equal(reported.filter(({ delivered }) => delivered === SIZE).length, 1, "times the end was reported");
      ok(reported.length > 1, "it was reported in between");
      ok(reported.every(({ delivered }, i) => delivered >= (reported[i - 1]?.delivered ?? 0)), `went back: ${JSON.stringify(reported)}`);
      ok(reported.every(({ total, received, delivered }) => total === SIZE && received >= delivered), JSON.stringify(reported));
    },
  },
  {
    name: "progress counts the range that is read", cluster: null,
    async run(kelp, store) {
      const reported = [];
      const file = await kelp.openFiler((await add(store)).url, { onProgress: (progress) => reported.push({ ...progress }) });
      await file.bytes({ start: 1000, end: 3000 });
      await until(() => reported.at(-1)?.delivered === 2000, "the end is reported");
      equal(reported.at(-1).total, 2000, "total");
    },
  },
  {
    // F99
    name: "what a callback throws is logged and breaks nothing", cluster: null,
    async run(kelp, store, help) {
      const calls = { event: 0, progress: 0 };
      const reported = [];
      const { error } = console;
      console.error = (...args) => reported.push(args);
      try {
        const file = await kelp.openFiler((await add(store)).url, {
          onEvent() { calls.event++; throw new Error("from onEvent"); },
          onProgress() { calls.progress++; throw new Error("from onProgress"); },
        });
        sameBytes(await file.bytes(), await help.content("noise:count", SIZE));
      } finally {
        console.error = error;
      }
      ok(calls.event > CHUNKS && calls.progress > 0, `calls: ${JSON.stringify(calls)}`);
      const thrown = reported.flat().filter((item) => item instanceof Error).map(({ message }) => message);
      ok(thrown.includes("from onEvent") && thrown.includes("from onProgress"), "both are reported");
    },
  },
  {
    // F149
    name: "a promise of a callback that rejects is logged, not thrown", cluster: null,
    async run(kelp, store, help) {
      const right = await help.content("noise:count", SIZE);
      const { url } = await add(store);
      const bad = () => new Error("from a callback");
      const odd = {
        "a promise": () => Promise.reject(bad()),
        "an async function": async () => { await null; throw bad(); },
        "a late promise": () => new Promise((_, reject) => setTimeout(() => reject(bad()), 20)),
        "a thenable": () => ({ then: (_, reject) => reject(bad()) }),
        "a thenable that throws": () => ({ then() { throw bad(); } }),
        "a getter that throws": () => ({ get then() { throw bad(); } }),
        "a proxy": () => new Proxy({}, { get() { throw bad(); } }),
        "a promise of nothing": () => Promise.reject(),
      };
      const { error } = console;
      for (const [what, onEvent] of Object.entries(odd)) {
        let said = 0;
        console.error = () => said++;
        try {
          const file = await kelp.openFiler(url, { onEvent, onProgress: onEvent });
          sameBytes(await file.bytes(), right, what);
          await until(() => said > CHUNKS, `${what} is logged`);
          await new Promise((wake) => setTimeout(wake, 30));
        } finally {
          console.error = error;
        }
      }
      for (const onEvent of [() => new Promise(() => {}), () => ({ then: 5 }), () => ({ then() {} })]) {
        sameBytes(await (await kelp.openFiler(url, { onEvent })).bytes(), right, "what never settles");
      }
    },
  },
  {
    // F100
    name: "a callback may read, cancel and close the file", cluster: null,
    async run(kelp, store, help) {
      const right = await help.content("noise:count", SIZE);
      const inner = [];
      let file = null;
      const onEvent = ({ kind }) => {
        if (!file) return;
        file.plan();
        equal(typeof file.stats.bytesDelivered, "number", "stats within a callback");
        if (kind === "headers" && inner.length === 0) inner.push(file.bytes({ start: 5, end: 105 }));
      };
      file = await kelp.openFiler((await add(store)).url, { onEvent });
      sameBytes(await file.bytes(), right);
      sameBytes(await inner[0], right.subarray(5, 105));
      const closing = await kelp.openFiler(store.urlOf("/f/counted.bin"), { onProgress: () => closing.close() });
      await fails(kelp, "closed", async () => { await closing.bytes(); await closing.bytes(); });
    },
  },
];
