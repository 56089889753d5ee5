// Arguments that are refused: a wrong type is a TypeError, a wrong value a RangeError, an option of a later version is unsupported.
import { equal, fails, ok, rejects, sameBytes, throws } from "./assert.mjs";

const WRONG_TYPES = {
  signal: [{}, 5, null], fetch: ["fetch", {}], headers: [5], concurrency: [true, {}, null, "3", " 3 ", "0x3", "1e1"], maxConcurrency: ["4", null], perHost: ["4", {}],
  maxBytesAhead: ["1", null], holes: [5, null], verify: [true, {}], decoder: [5, null], workers: [true, {}, "2"], throttle: ["fast", null],
  retry: [5, "never", null], timeout: [1000, "long"], pool: [{}, 5, null], priority: [5, {}], hedge: [1, "yes"], origins: [5, "http://127.0.0.1", [5], null],
  onProgress: [5, {}], onEvent: ["log", {}],
};
const WRONG_PARTS = { retry: ["passes", "baseDelay", "maxDelay"], timeout: ["headers", "idle"] };
const WRONG_VALUES = {
  concurrency: [0, -1, 1.5, NaN, Infinity, "three", ""], maxConcurrency: [0, -1, 1.5, NaN], perHost: [0, -1, 1.5], maxBytesAhead: [0, -1, 1.5, NaN],
  holes: ["zeros", ""], verify: ["maybe"], decoder: ["webcrypto"], workers: [-1, 1.5], throttle: [-1, 0, NaN, Infinity], priority: ["urgent"], origins: [["127.0.0.1"], ["ftp://127.0.0.1"], ["http://u:p@127.0.0.1"]],
  retry: [{ passes: 0 }, { passes: -1 }, { passes: 1.5 }, { baseDelay: -1 }, { baseDelay: NaN }, { maxDelay: -1 }],
  timeout: [{ headers: -1 }, { headers: NaN }, { idle: -1 }],
};
const ACCEPTED = [
  { workers: 0 }, { workers: 1 }, { workers: "auto" }, { verify: "transit" }, { priority: "normal" }, { priority: "high" }, { priority: "low" }, { hedge: false }, { origins: undefined }, { hedge: true }, { concurrency: "auto" }, { concurrency: 1 },
  { maxConcurrency: 1 }, { perHost: 1 }, { maxBytesAhead: 1 }, { retry: {} }, { timeout: {} }, { unknown: 5, another: "name" }, {}, undefined,
];

const FILER_WRONG_TYPES = { locate: [5, {}, null, { master: 5 }], token: ["secret", 5], filerToken: [5, {}], sse: [5, "key"] };
const FILER_WRONG_VALUES = { locate: ["direct", { master: "ftp://127.0.0.1" }, { master: "http://u:p@127.0.0.1" }] };
const WRONG_KEY_TYPES = { customerKey: [5, null, {}, [1]], kek: [5, null, {}, [1]] };
// A key of 32 bytes is valid only in the notation of its option.
const WRONG_KEYS = {
  customerKey: [new Uint8Array(31), new Uint8Array(33), new Uint8Array(0), "", "no base64!", "AAAA", "00".repeat(32)],
  kek: [new Uint8Array(31), new Uint8Array(33), new Uint8Array(0), "", "00".repeat(31), "00".repeat(33), "0".repeat(63), "0g".repeat(32), `${"A".repeat(43)}=`],
};
const URL_WRONG_TYPES = { size: ["5", null, 5n], chunkSize: ["5", {}], name: [5], type: [5, {}] };
const URL_WRONG_VALUES = { size: [-1, 1.5, NaN, 2 ** 53, 1e21], chunkSize: [0, -1, 1.5] };

const MANIFEST = { size: 0, chunks: [] };

/** The four open functions, each with an existing file. */
const openers = (kelp, store, file) => ({
  openFiler: (options) => kelp.openFiler(file.url, options),
  openEntry: (options) => kelp.openEntry(file.entry, { filer: store.filer, ...options }),
  openManifest: (options) => kelp.openManifest(MANIFEST, options),
  openUrl: (options) => kelp.openUrl(file.url, options),
});

const addFile = (store) => store.addFile({ path: "/f/small.bin", content: "noise:small", length: 1000, chunkSize: 300 });
const said = (value) => JSON.stringify(value, (_, item) => (item === undefined || typeof item === "bigint" || Number.isNaN(item) ? String(item) : item));

export const args = [
  {
    name: "an option of a wrong type is a TypeError", cluster: null,
    async run(kelp, store) {
      const ways = openers(kelp, store, await addFile(store));
      for (const [way, open] of Object.entries(ways)) await refusesEach(TypeError, open, WRONG_TYPES, way);
      for (const [option, parts] of Object.entries(WRONG_PARTS)) {
        for (const part of parts) await rejects(TypeError, () => ways.openUrl({ [option]: { [part]: "5" } }), `${option}.${part}`);
      }
      for (const way of ["openFiler", "openEntry"]) {
        await refusesEach(TypeError, ways[way], FILER_WRONG_TYPES, way);
        await refusesEach(TypeError, (key) => ways[way]({ sse: key }), WRONG_KEY_TYPES, way);
      }
      await refusesEach(TypeError, ways.openUrl, URL_WRONG_TYPES, "openUrl");
      await rejects(TypeError, () => ways.openEntry({ filer: 5 }), "filer");
    },
  },
  {
    // F56, F79
    name: "an option of a wrong value is a RangeError", cluster: null,
    async run(kelp, store) {
      const ways = openers(kelp, store, await addFile(store));
      for (const [way, open] of Object.entries(ways)) await refusesEach(RangeError, open, WRONG_VALUES, way);
      for (const way of ["openFiler", "openEntry"]) {
        await refusesEach(RangeError, ways[way], FILER_WRONG_VALUES, way);
        await refusesEach(RangeError, (key) => ways[way]({ sse: key }), WRONG_KEYS, way);
      }
      await refusesEach(RangeError, ways.openUrl, URL_WRONG_VALUES, "openUrl");
    },
  },
  {
    name: "unknown options are ignored, undefined is the default", cluster: null,
    async run(kelp, store, help) {
      const file = await addFile(store);
      const right = await help.content("noise:small", 1000);
      for (const options of ACCEPTED) sameBytes(await (await kelp.openFiler(file.url, options)).bytes(), right, said(options));
      const origins = [`${store.filer}/x`, new URL("https://[::1]/")];
      sameBytes(await (await kelp.openFiler(file.url, { origins })).bytes(), right, "origins");
      const nothing = Object.fromEntries([...Object.keys(WRONG_TYPES), ...Object.keys(FILER_WRONG_TYPES), ...Object.keys(URL_WRONG_TYPES)].map((name) => [name, undefined]));
      for (const [way, open] of Object.entries(openers(kelp, store, file))) ok(await open(nothing), `${way} with nothing but undefined`);
      const opened = await kelp.openFiler(file.url, { ...nothing, retry: { passes: undefined }, timeout: { idle: undefined } });
      sameBytes(await opened.bytes({ start: undefined, end: undefined, signal: undefined, unknown: 1 }), right);
    },
  },
  {
    // F150
    name: "an unknown option is warned of once, with the nearest", cluster: null,
    async run(kelp, store) {
      const file = await addFile(store);
      const ways = openers(kelp, store, file);
      const { warn } = console;
      const said = [];
      console.warn = (...texts) => said.push(texts.join(" "));
      try {
        for (let i = 0; i < 2; i++) {
          await ways.openFiler({ concurency: 3, filertoken: "s3cret", MAXBYTESAHEAD: 5, nothing: undefined });
          await ways.openEntry({ locator: "proxy", sse: { kekk: 5 } });
          await ways.openManifest({ retry: { pass: 3 }, timeout: { idel: 3 } });
          const opened = await ways.openUrl({ chunksize: 3, ["x".repeat(1000)]: 1 });
          new kelp.Pool({ maxByte: 5 });
          await (await opened.response(undefined, { filename: "a" })).body.cancel();
        }
      } finally {
        console.warn = warn;
      }
      const nearest = { concurency: "concurrency", filertoken: "filerToken", MAXBYTESAHEAD: "maxBytesAhead", locator: "locate", kekk: "kek", pass: "passes", idel: "idle", chunksize: "chunkSize", maxByte: "maxBytes", filename: "name" };
      equal(said.length, Object.keys(nearest).length + 1, said.join("; "));
      for (const [name, known] of Object.entries(nearest)) ok(said.some((text) => text.includes(`"${name}"`) && text.includes(`"${known}"`)), `${name}: ${said.join("; ")}`);
      ok(!said.join().includes("s3cret"), "no value is said");
    },
  },
  {
    name: "a wrong argument is refused before any request", cluster: null,
    async run(kelp, store) {
      const file = await addFile(store);
      await store.resetLog();
      await rejects(TypeError, () => kelp.openFiler(file.url, { concurrency: true }));
      await rejects(RangeError, () => kelp.openFiler(file.url, { workers: -1 }));
      equal((await store.requests()).length, 0, "requests");
    },
  },
  {
    name: "a file of a wrong type is a TypeError", cluster: null,
    async run(kelp) {
      for (const [way, wrong] of Object.entries({ openFiler: [5, null, undefined, {}], openUrl: [5, null, undefined, {}], openEntry: [5, null, undefined, {}], openManifest: [5, null, undefined, "{}"] })) {
        for (const value of wrong) await rejects(TypeError, () => kelp[way](value), `${way}(${said(value)})`);
      }
      for (const options of [5, "fast", null]) {
        await rejects(TypeError, () => kelp.openManifest(MANIFEST, options), `options ${said(options)}`);
      }
    },
  },
  {
    // F79
    name: "a wrong range throws; in async calls it rejects", cluster: null,
    async run(kelp, store) {
      const file = await kelp.openFiler((await addFile(store)).url);
      const wrong = [
        [TypeError, [5, "all", null, { start: "0" }, { end: "5" }, { start: null }, { end: 5n }]],
        [RangeError, [{ start: -1 }, { end: -1 }, { start: 1.5 }, { end: 0.5 }, { start: NaN }, { end: NaN }, { start: 2 ** 53 }, { end: 1e21 }, { start: 9, end: 8 }]],
      ];
      for (const [type, ranges] of wrong) {
        for (const range of ranges) {
          for (const way of ["stream", "plan"]) throws(type, () => file[way](range), `${way}(${said(range)})`);
          for (const way of ["bytes", "arrayBuffer", "blob", "text"]) await rejects(type, () => file[way](range), `${way}(${said(range)})`);
        }
      }
      equal((await file.bytes({ start: -0, end: 5 })).length, 5, "bytes from -0");
      throws(TypeError, () => file.stream({ signal: {} }), "stream with a wrong signal");
      await rejects(TypeError, () => file.bytes({ signal: "stop" }), "bytes with a wrong signal");
      await rejects(TypeError, () => file.response(5), "response(5)");
      await rejects(TypeError, () => file.response({ headers: {} }), "response({})");
    },
  },
  {
    name: "the constructor of a pool refuses wrong limits", cluster: null,
    run({ Pool }) {
      for (const limits of [5, "big", null, { maxBytes: "1" }, { perHost: {} }, { maxConcurrency: "4" }, { workers: true }]) throws(TypeError, () => new Pool(limits), said(limits));
      for (const limits of [{ maxBytes: 0 }, { maxBytes: -1 }, { maxBytes: 1.5 }, { perHost: 0 }, { maxConcurrency: 0 }, { workers: -1 }]) throws(RangeError, () => new Pool(limits), said(limits));
      for (const limits of [undefined, {}, { maxBytes: undefined }, { workers: 0 }, { workers: 2 }, { workers: "auto" }, { unknown: 1 }]) ok(new Pool(limits), said(limits));
    },
  },
  {
    name: "a KelpError is an Error with a name", cluster: null,
    async run(kelp, store) {
      const error = await fails(kelp, "not_found", kelp.openFiler(`${store.filer}/nothing`));
      ok(error instanceof Error, "it is an Error");
      equal(error.name, "KelpError", "name");
      ok(error.message.length > 10, "it has a message");
      ok(Array.isArray(error.attempts), "attempts is an array");
    },
  },
];

// Reports all failures at once.
async function refusesEach(type, open, wrong, way) {
  const broken = [];
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) await rejects(type, () => open({ [option]: value }), `${way}, ${option}: ${said(value)}`).catch(({ message }) => broken.push(message));
  }
  equal(broken.join("; "), "", "what was not refused");
}
