// What a user's `fetch` may give instead of a response. Each settles: with the right bytes, or with a KelpError.
import { ok, sameBytes } from "./assert.mjs";
import { contentOf } from "./memory-store.mjs";

const SIZE = 1000;
const RIGHT = contentOf(0, SIZE);
const bytes = () => RIGHT.slice();
const bad = () => new Error("odd");
const raise = () => { throw bad(); };
const never = () => new Promise(() => {});

/** A response that is none, with a right body. */
const like = (more = {}) => ({ status: 200, headers: new Headers(), body: new Response(bytes()).body, ...more });
const withGetter = (name, get) => Object.defineProperty(like(), name, { get });
/** A getter that gives `value` some times, and then throws. */
const until = (count, value) => () => (count-- > 0 ? value : raise());

/** A body of these pieces. */
const pieces = (...given) => new ReadableStream({ pull: (controller) => (given.length > 0 ? controller.enqueue(given.shift()) : controller.close()) });
const piece = (make) => () => like({ body: pieces(make()) });
/** A body whose reader gives what `read` does. */
const reader = (read, more = {}) => () => like({ body: { getReader: () => ({ read, cancel: async () => {}, releaseLock() {}, ...more }) } });

/** Something that another realm made, if there is one. */
async function otherRealm(code) {
  if (typeof document === "object") {
    const frame = document.body.appendChild(document.createElement("iframe"));
    return frame.contentWindow.eval(code);
  }
  const vm = globalThis.process?.versions.node ? await import("node:vm").catch(() => undefined) : undefined;
  return vm?.runInNewContext?.(code) ?? eval(code);
}

function detached() {
  const array = bytes();
  structuredClone(array, { transfer: [array.buffer] });
  return array;
}

/** Its memory is taken away after it was given. */
function detachedLater() {
  const array = bytes();
  return like({ body: new ReadableStream({ start: (controller) => (controller.enqueue(array), setTimeout(() => structuredClone(array, { transfer: [array.buffer] }), 0)) }) });
}

class Longer extends Uint8Array { get length() { return SIZE; } get byteLength() { return SIZE; } }

const shared = (length) => new Uint8Array(typeof SharedArrayBuffer === "function" ? new SharedArrayBuffer(length) : length);

export const ODD = {
  "undefined": () => undefined, "null": () => null, "a number": () => 200, "a text": () => "ok", "a symbol": () => Symbol("r"), "a bigint": () => 200n,
  "a function": () => () => {}, "an object": () => ({}), "an array": () => [], "true": () => true, "an error": () => bad(),
  "nothing, synchronously thrown": () => { throw undefined; }, "an exception": raise, "a rejection": () => Promise.reject(bad()), "a rejection of nothing": () => Promise.reject(),
  "a promise that never settles": never, "a thenable": () => ({ then: (take) => take(new Response(bytes())) }), "a thenable that throws": () => ({ then: raise }),
  "a thenable of thenables": () => ({ then: (take) => take({ then: (inner) => inner(new Response(bytes())) }) }), "a thenable that never settles": () => ({ then() {} }),
  "a thenable by a getter that throws": () => ({ get then() { return raise(); } }),
  "no headers": () => ({ status: 200 }), "headers without get": () => like({ headers: {} }), "headers whose get throws": () => like({ headers: { get: raise } }),
  "headers that are numbers": () => like({ headers: { get: () => 5 } }), "headers that are symbols": () => like({ headers: { get: () => Symbol("h") } }),
  "headers that are objects": () => like({ headers: { get: () => ({ toString: raise }) } }), "headers with line breaks": () => like({ headers: { get: (name) => (name === "etag" ? '"a\nstatus:500"' : null) } }),
  "a length that is no number": () => like({ headers: { get: (name) => (name === "content-length" ? "1e3" : null) } }),
  "headers whose getter throws": () => withGetter("headers", raise), "headers that are there once": () => withGetter("headers", until(1, new Headers())),
  "headers that are there three times": () => withGetter("headers", until(3, new Headers())),
  "a status whose getter throws": () => withGetter("status", raise), "a status that is there once": () => withGetter("status", until(1, 200)),
  "a status that is a text": () => like({ status: "200" }), "NaN as its status": () => like({ status: NaN }), "a broken status": () => like({ status: 200.5 }),
  "a negative status": () => like({ status: -1 }), "a status of more than 16 bits": () => like({ status: 65_736 }), "a status of 0": () => like({ status: 0 }),
  "a type whose getter throws": () => withGetter("type", raise), "a URL whose getter throws": () => Object.defineProperty(like({ redirected: true }), "url", { get: raise }),
  "a URL that is a number": () => like({ redirected: true, url: 5 }), "a URL with line breaks": () => like({ redirected: true, url: "http://a/\nstatus:500" }),
  "a body whose getter throws": () => withGetter("body", raise), "a body that is there once": () => withGetter("body", until(1, new Response(bytes()).body)),
  "a number as its body": () => like({ body: 7 }), "an object as its body": () => like({ body: {} }), "a text as its body": () => like({ body: "text" }), "no body": () => like({ body: null }),
  "bytes as its body": () => like({ body: bytes() }), "an iterable as its body": () => like({ body: (async function* () { yield bytes(); })() }),
  "a body whose getReader throws": () => like({ body: { getReader: raise } }), "a body without a reader": () => like({ body: { getReader() {} } }),
  "a reader without read": () => like({ body: { getReader: () => ({}) } }), "a reader that throws": reader(raise), "a reader that rejects": reader(() => Promise.reject(bad())),
  "a reader that rejects with nothing": reader(() => Promise.reject()), "a reader that gives undefined": reader(() => undefined), "a reader of promises of undefined": reader(async () => undefined),
  "a reader that gives null": reader(async () => null), "a reader that gives nothing": reader(async () => ({})), "a reader without values": reader(async () => ({ done: false })),
  "a reader that never settles": reader(never), "a reader whose value throws": reader(async () => ({ done: false, get value() { return raise(); } })),
  "a reader whose done throws": reader(async () => ({ get done() { return raise(); }, value: bytes() })), "a reader of empty pieces": reader(async () => ({ done: false, value: new Uint8Array(0) })),
  "a reader without an end": reader(async () => ({ done: false, value: bytes() })), "a reader whose cancel throws": reader(never, { cancel: raise }),
  "a reader whose cancel gives a number": reader(never, { cancel: () => 5 }), "a reader whose cancel rejects": reader(never, { cancel: () => Promise.reject(bad()) }),
  "a reader without cancel": reader(never, { cancel: undefined }),
  "a frozen response": () => Object.freeze(new Response(bytes())), "a frozen object": () => Object.freeze(like()), "a proxy of a response": () => new Proxy(new Response(bytes()), {}),
  "a proxy that throws": () => new Proxy({}, { get: raise, has: raise, getPrototypeOf: raise }), "a revoked proxy": () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; },
  "a used response": async () => { const response = new Response(bytes()); await response.text(); return response; }, "a locked response": () => { const response = new Response(bytes()); response.body.getReader(); return response; },
  "an error response": () => Response.error(), "a failed body": () => like({ body: new ReadableStream({ start: (controller) => controller.error() }) }), "a body that hangs": () => like({ body: new ReadableStream({ pull: never }) }),
  "texts": piece(() => "text"), "numbers": piece(() => 5), "nulls": piece(() => null), "undefineds": piece(() => undefined), "arrays of numbers": piece(() => [...RIGHT]), "blobs": piece(() => new Blob([RIGHT])),
  "promises of bytes": piece(() => Promise.resolve(bytes())), "faked arrays": piece(() => Object.create(Uint8Array.prototype)), "objects with a length": piece(() => ({ length: SIZE, byteLength: SIZE, buffer: RIGHT.buffer })),
  "proxies of arrays": piece(() => new Proxy(bytes(), {})), "arrays that say they are longer": piece(() => new Longer(10)), "arrays with a length of their own": piece(() => Object.defineProperty(new Uint8Array(10), "length", { value: SIZE })),
  "arrays with a buffer of their own": piece(() => Object.defineProperty(bytes(), "buffer", { get: raise })), "detached arrays": piece(detached), "arrays that are detached later": detachedLater,
  "shared memory": piece(() => { const array = shared(SIZE); array.set(RIGHT); return array; }), "a shared buffer": piece(() => { const array = shared(SIZE); array.set(RIGHT); return array.buffer; }), "a buffer": piece(() => bytes().buffer),
  "a DataView": piece(() => new DataView(bytes().buffer)), "floats": piece(() => new Float64Array(bytes().buffer)), "a view of a resizable buffer": piece(() => { const array = new Uint8Array(new ArrayBuffer(SIZE, { maxByteLength: 2 * SIZE })); array.set(RIGHT); return array; }),
  "bytes of another realm": async () => like({ body: pieces(await otherRealm(`Uint8Array.from({ length: ${SIZE} }, (_, i) => (i ^ (i >> 8)) & 255)`)) }),
  "a buffer of another realm": async () => like({ body: pieces(await otherRealm(`Uint8Array.from({ length: ${SIZE} }, (_, i) => (i ^ (i >> 8)) & 255).buffer`)) }), "a promise of another realm": () => otherRealm("new Promise(() => {})"),
};

/** What can give nothing but the right bytes. A frozen response of Deno throws when its status is read. */
const GOOD = ["a thenable", "a thenable of thenables", ...(globalThis.Deno ? [] : ["a frozen response"]), "a frozen object", "headers that are numbers", "headers with line breaks", "a URL that is a number", "a URL with line breaks", "shared memory", "a buffer", "a DataView", "bytes of another realm", "a view of a resizable buffer"];

/** What is a whole response of fewer bytes, for who does not know how many there are. */
const SHORTER = { "no body": 0, "arrays that say they are longer": 10, "arrays with a length of their own": 10 };

const URL_OF_ALL = "https://store.example/0";
const ways = (kelp) => ({
  openManifest: (options) => kelp.openManifest({ size: SIZE, chunks: [{ urls: [URL_OF_ALL], offset: 0, size: SIZE }] }, options),
  openUrl: (options) => kelp.openUrl(URL_OF_ALL, options),
  "openUrl with a size": (options) => kelp.openUrl(URL_OF_ALL, { ...options, size: SIZE }),
  "openUrl with headers": (options) => kelp.openUrl(URL_OF_ALL, { ...options, headers: { "X-Api-Key": "k" } }),
  openFiler: (options) => kelp.openFiler(URL_OF_ALL, options),
});

const ENTRY = JSON.stringify({ FullPath: "/a", FileSize: SIZE, chunks: [{ file_id: "3,01637037d6", size: SIZE, modified_ts_ns: 1 }] });

/** What functions of the user's, and options, may give. */
const GIVEN = {
  "undefined": () => undefined, "null": () => null, "a number": () => 1e6, "NaN": () => NaN, "a bigint": () => 5n, "a text": () => "text", "an empty text": () => "", "lines": () => "a\r\nb: c",
  "half a surrogate pair": () => "\ud800", "a symbol": () => Symbol("s"), "true": () => true, "a function": () => raise, "an object": () => ({}), "an array": () => [], "an array of arrays": () => [[]],
  "a sparse array": () => new Array(3), "an error": () => bad(), "an exception": raise, "nothing, synchronously thrown": () => { throw undefined; }, "a rejection": () => Promise.reject(bad()),
  "a promise that never settles": never, "a thenable that throws": () => ({ then: raise }), "a thenable by a getter that throws": () => ({ get then() { return raise(); } }),
  "an object without a prototype": () => Object.create(null), "an object that is no text": () => ({ toString: raise, valueOf: raise, [Symbol.toPrimitive]: raise }),
  "an iterator that throws": () => ({ [Symbol.iterator]: raise }), "an iterator without an end": () => ({ [Symbol.iterator]: () => ({ next: () => ({ done: false, value: "x" }) }) }),
  "fields that throw": () => new Proxy({}, { get: raise, has: raise, ownKeys: raise }), "a revoked proxy": () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; },
  "a long text": () => "x".repeat(100_000), "a date": () => new Date(NaN), "an aborted signal": () => AbortSignal.abort(bad()), "bytes": () => new Uint8Array(3),
};

const OPTIONS = ["signal", "headers", "concurrency", "verify", "retry", "timeout", "pool", "decoder", "workers", "throttle", "sse", "locate", "token", "filerToken", "onEvent", "holes", "maxBytesAhead"];

export const odd = [
  {
    // F152
    name: "whatever fetch gives, every promise settles", cluster: null,
    async run(kelp) {
      const pool = new kelp.Pool();
      const broken = [];
      const settle = async (what, way, open, fetch) => {
        let end;
        const late = new Promise((_, reject) => { end = setTimeout(() => reject(new Error("it does not settle")), 20_000); });
        const reading = open({ fetch, pool, timeout: { headers: 300, idle: 300 }, retry: { passes: 1 } }).then((file) => file.bytes());
        try {
          const read = await Promise.race([reading, late]);
          const isWhole = !["openUrl", "openUrl with headers"].includes(way) || !(what in SHORTER);
          if (isWhole) sameBytes(read, RIGHT, "the bytes");
          else ok(read.length === SHORTER[what], `${read.length} bytes`);
        } catch (error) {
          if (!(error instanceof kelp.KelpError) || error.code === "internal") broken.push(`${what}, ${way}: ${error}`);
          else if (way === "openManifest" && GOOD.includes(what)) broken.push(`${what}, ${way}: ${error.message}, ${error.cause}`);
        } finally {
          clearTimeout(end);
        }
      };
      for (const [way, open] of Object.entries(ways(kelp))) {
        await Promise.all(Object.entries(ODD).map(([what, fetch]) => settle(what, way, open, fetch)));
        // Others go on.
        await settle("a response", way === "openFiler" ? "openUrl" : way, ways(kelp)[way === "openFiler" ? "openUrl" : way], () => new Response(bytes()));
      }
      ok(broken.length === 0, `${broken.length} are wrong: ${broken.join("; ")}`);
      ok(pool.inFlight === 0 && pool.bytes === 0, `${pool.inFlight} views in flight, ${pool.bytes} bytes`);
    },
  },
  {
    // F212
    name: "whatever other functions give, every promise settles", cluster: null,
    async run(kelp) {
      const pool = new kelp.Pool();
      const broken = [];
      const open = (more) => kelp.openEntry(ENTRY, { fetch: async () => new Response(bytes()), pool, timeout: { headers: 300, idle: 300 }, retry: { passes: 1 }, ...more });
      const settle = async (what, start) => {
        let end;
        const late = new Promise((_, reject) => { end = setTimeout(() => reject(new Error("it does not settle")), 20_000); });
        try {
          sameBytes(await Promise.race([(async () => (await start()).bytes())(), late]), RIGHT, "the bytes");
        } catch (error) {
          // What a getter of the options throws is passed on.
          const isOwn = error === undefined || error.message === "odd";
          const isRight = error instanceof kelp.KelpError ? error.code !== "internal" : isOwn || error instanceof TypeError || error instanceof RangeError;
          if (!isRight) broken.push(`${what}: ${error}`);
        } finally {
          clearTimeout(end);
        }
      };
      const { error, warn } = console;
      console.error = console.warn = () => {};
      const all = [];
      for (const [what, give] of Object.entries(GIVEN)) {
        const filer = "https://store.example/";
        all.push(settle(`locate gives ${what}`, () => open({ locate: give })));
        all.push(settle(`urls are ${what}`, () => open({ locate: async () => ({ urls: await give() }) })));
        all.push(settle(`a URL is ${what}`, () => open({ locate: async () => ({ urls: [await give(), URL_OF_ALL] }) })));
        all.push(settle(`the token of a location is ${what}`, () => open({ locate: async () => ({ urls: [URL_OF_ALL], token: await give() }) })));
        all.push(settle(`token gives ${what}`, () => open({ locate: () => ({ urls: [URL_OF_ALL] }), token: give })));
        all.push(settle(`filerToken gives ${what}`, () => open({ filer, filerToken: give })));
        all.push(settle(`onEvent gives ${what}`, () => open({ filer, onEvent: give })));
        all.push(settle(`onProgress gives ${what}`, () => open({ filer, onProgress: give })));
        for (const option of OPTIONS) {
          // A promise is a wrong value there: it is the user's to handle.
          const get = () => {
            const given = give();
            if (given instanceof Promise) given.catch(() => {});
            return given;
          };
          all.push(settle(`a getter of ${option} gives ${what}`, () => open(Object.defineProperty({ filer }, option, { get, enumerable: true }))));
        }
      }
      try {
        await Promise.all(all);
      } finally {
        Object.assign(console, { error, warn });
      }
      ok(broken.length === 0, `${broken.length} of ${all.length} are wrong: ${broken.join("; ")}`);
      ok(pool.inFlight === 0 && pool.bytes === 0, `${pool.inFlight} views in flight, ${pool.bytes} bytes`);
      sameBytes(await (await open({ filer: "https://store.example/" })).bytes(), RIGHT, "a file that is opened later");
    },
  },
];
