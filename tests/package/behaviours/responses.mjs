// A file as the response to a request (RFC 9110).
import { equal, ok, rejects, same, sameBytes } from "./assert.mjs";
import { joined, readAll, until } from "./helpers.mjs";

const SIZE = 50_000;
const MTIME = "2026-11-23T02:13:20.500Z";
const MODIFIED = "Mon, 23 Nov 2026 02:13:20 GMT";

async function open(kelp, store) {
  const { url } = await store.addFile({ path: "/f/film one.webm", mime: "video/webm", mtime: MTIME, content: "noise:film", length: SIZE, chunkSize: 16_384 });
  return kelp.openFiler(url);
}

/** Stores 100 bytes with extended attributes. */
async function withExtended(store, path, headers) {
  const { entry } = await store.addFile({ path, content: "noise:p", length: 100, chunkSize: 100 });
  const extended = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, btoa(value)]));
  await store.addEntry(path, entry.replace('"Extended":null', `"Extended":${JSON.stringify(extended)}`));
}

const request = (headers = {}, init = {}) => new Request("http://app.example/film", { headers, ...init });

/** Requests the file with each set of headers, and checks the response. */
async function answers(file, headers, { status, start = 0, end = SIZE, range = null }, right) {
  const said = JSON.stringify(headers);
  const response = await file.response(request(headers));
  equal(response.status, status, `status for ${said}`);
  equal(response.headers.get("content-range"), range, `Content-Range for ${said}`);
  if (status === 200 || status === 206) {
    equal(response.headers.get("content-length"), String(end - start), `Content-Length for ${said}`);
    equal(response.headers.get("accept-ranges"), "bytes", `Accept-Ranges for ${said}`);
    sameBytes(new Uint8Array(await response.arrayBuffer()), right.subarray(start, end), said);
  } else {
    equal((await response.arrayBuffer()).byteLength, 0, `length of the body for ${said}`);
  }
}

const part = (start, end) => ({ status: 206, start, end, range: `bytes ${start}-${end - 1}/${SIZE}` });
const WHOLE = { status: 200 };
const BEYOND = { status: 416, range: `bytes */${SIZE}` };

export const responses = [
  {
    name: "without a request the answer is the whole file", cluster: null,
    async run(kelp, store, help) {
      const file = await open(kelp, store);
      const response = await file.response();
      ok(response instanceof Response, "a Response");
      equal(response.status, 200, "status");
      const { headers } = response;
      same(
        ["content-type", "content-length", "accept-ranges", "etag", "last-modified"].map((name) => headers.get(name)),
        ["video/webm", String(SIZE), "bytes", file.etag, MODIFIED], "headers",
      );
      sameBytes(new Uint8Array(await response.arrayBuffer()), await help.content("noise:film", SIZE));
    },
  },
  {
    name: "one range is a 206, one beyond the end a 416", cluster: null,
    async run(kelp, store, help) {
      const file = await open(kelp, store);
      const right = await help.content("noise:film", SIZE);
      const table = {
        "bytes=0-0": part(0, 1), "bytes=10-19": part(10, 20), "bytes=16000-40000": part(16000, 40001), "bytes=49999-": part(49999, SIZE),
        "bytes=0-": part(0, SIZE), "bytes=100-999999": part(100, SIZE), "bytes=-5": part(SIZE - 5, SIZE), "bytes=-999999": part(0, SIZE),
        "bytes=50000-": BEYOND, "bytes=50000-60000": BEYOND, "bytes=-0": BEYOND, "bytes=99999999999999999999-": BEYOND,
      };
      for (const [range, answer] of Object.entries(table)) await answers(file, { range }, answer, right);
    },
  },
  {
    name: "malformed and several ranges give the whole file", cluster: null,
    async run(kelp, store, help) {
      const file = await open(kelp, store);
      const right = await help.content("noise:film", SIZE);
      for (const range of ["bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes 0-5", "bytes=1.5-2", "lines=0-5", "0-5", "bytes=0-1,5-6", "bytes=0-1, 49999-"]) {
        await answers(file, { range }, WHOLE, right);
      }
    },
  },
  {
    name: "If-Range allows a range of the same version only", cluster: null,
    async run(kelp, store, help) {
      const file = await open(kelp, store);
      const right = await help.content("noise:film", SIZE);
      const range = "bytes=5-9";
      for (const validator of [file.etag, MODIFIED]) await answers(file, { range, "if-range": validator }, part(5, 10), right);
      for (const validator of ['"another"', `W/${file.etag}`, "Mon, 23 Nov 2026 02:13:21 GMT", "Mon, 23 Nov 2026 02:13:19 GMT", "yesterday"]) {
        await answers(file, { range, "if-range": validator }, WHOLE, right);
      }
    },
  },
  {
    name: "an unchanged file is a 304 with the ETag", cluster: null,
    async run(kelp, store, help) {
      const file = await open(kelp, store);
      const right = await help.content("noise:film", SIZE);
      await store.resetLog();
      for (const none of [file.etag, `W/${file.etag}`, `"another", ${file.etag}`, "*"]) {
        const response = await file.response(request({ "if-none-match": none }));
        same([response.status, response.headers.get("etag"), response.body], [304, file.etag, null], `answer to If-None-Match ${none}`);
      }
      for (const since of [MODIFIED, "Tue, 24 Nov 2026 00:00:00 GMT"]) {
        equal((await file.response(request({ "if-modified-since": since }))).status, 304, `If-Modified-Since ${since}`);
      }
      same(await store.requests(), [], "requests");
      await answers(file, { "if-none-match": '"another"' }, WHOLE, right);
      await answers(file, { "if-modified-since": "Mon, 23 Nov 2026 02:13:19 GMT" }, WHOLE, right);
      await answers(file, { "if-modified-since": "not a date" }, WHOLE, right);
      // If both are given, only If-None-Match counts.
      await answers(file, { "if-none-match": '"another"', "if-modified-since": MODIFIED }, WHOLE, right);
      await answers(file, { "if-none-match": '"another"', range: "bytes=0-4" }, part(0, 5), right);
    },
  },
  {
    name: "a failed precondition is a 412", cluster: null,
    async run(kelp, store, help) {
      const file = await open(kelp, store);
      const right = await help.content("noise:film", SIZE);
      for (const headers of [{ "if-match": '"another"' }, { "if-match": `W/${file.etag}` }, { "if-unmodified-since": "Mon, 23 Nov 2026 02:13:19 GMT" }]) {
        await answers(file, headers, { status: 412 }, right);
      }
      for (const headers of [{ "if-match": file.etag }, { "if-match": "*" }, { "if-match": `"a", ${file.etag}` }, { "if-unmodified-since": MODIFIED }]) {
        await answers(file, headers, WHOLE, right);
      }
    },
  },
  {
    name: "HEAD has the headers of GET and fetches no chunk", cluster: null,
    async run(kelp, store) {
      const file = await open(kelp, store);
      await store.resetLog();
      const head = await file.response(request({}, { method: "HEAD" }));
      equal(head.status, 200, "status");
      equal((await head.arrayBuffer()).byteLength, 0, "length of the body");
      const ranged = await file.response(request({ range: "bytes=0-4" }, { method: "HEAD" }));
      same([ranged.status, ranged.headers.get("content-length"), ranged.headers.get("content-range")], [200, String(SIZE), null], "HEAD knows no ranges");
      same(await store.requests(), [], "requests");
      const get = await file.response(request());
      same([...head.headers], [...get.headers], "headers");
      await get.body.cancel();
    },
  },
  {
    name: "other methods are 405 with Allow", cluster: null,
    async run(kelp, store) {
      const file = await open(kelp, store);
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
        const response = await file.response(request({}, { method }));
        same([response.status, response.headers.get("allow")], [405, "GET, HEAD"], method);
      }
    },
  },
  {
    name: "headers stored with the file are sent, no others", cluster: null,
    async run(kelp, store, help) {
      const said = {
        "cache-control": "max-age=60", "content-disposition": 'attachment; filename="a b.bin"', "content-encoding": "gzip",
        "content-language": "de", expires: MODIFIED,
      };
      const extended = { ...said, "Seaweed-Owner": "otter", "Content-Security-Policy": "none" };
      await withExtended(store, "/f/plain.bin", extended);
      const file = await kelp.openFiler(`${store.filer}/f/plain.bin`);
      const storedHeaders = ({ headers }) => Object.fromEntries(Object.keys(extended).map((name) => [name.toLowerCase(), headers.get(name)]).filter(([, value]) => value !== null));
      const right = await help.content("noise:p", 100);
      for (const [headers, status, bytes] of [[{}, 200, right], [{ range: "bytes=1-10" }, 206, right.subarray(1, 11)]]) {
        const response = await file.response(request(headers));
        same([response.status, response.headers.get("content-length")], [status, String(bytes.length)], "status and length");
        same(storedHeaders(response), said, `headers of ${status}`);
        // The stored bytes are the encoded ones, and are not decoded.
        sameBytes(new Uint8Array(await response.arrayBuffer()), bytes);
      }
      const { "cache-control": lifetime, expires } = said;
      same(storedHeaders(await file.response(request({ "if-none-match": "*" }))), { "cache-control": lifetime, expires }, "headers of 304");
      same(storedHeaders(await file.response(request({ range: "bytes=100-" }))), {}, "headers of 416");
    },
  },
  {
    name: "Content-Disposition has the name by default", cluster: null,
    async run(kelp, store) {
      const disposition = async (file) => (await file.response(request({}, { method: "HEAD" }))).headers.get("content-disposition");
      const spaced = "inline; filename=\"film one.webm\"; filename*=UTF-8''film%20one.webm";
      equal(await disposition(await open(kelp, store)), spaced, "a file of a filer");
      const named = (name) => kelp.openManifest({ size: 0, name, chunks: [] });
      equal(await disposition(await named("one.bin")), "inline; filename=one.bin", "a plain name");
      equal(await disposition(await named('"\r\nX: ä\\')), "inline; filename=\"\\\"__X: __\"; filename*=UTF-8''%22__X%3A%20%C3%A4_", "an odd name");
      equal(await disposition(await named("a/..")), null, "a name that is none");
      equal(await disposition(await named(undefined)), null, "no name");
      const url = `${store.filer}/f/film%20one.webm`;
      equal(await disposition(await kelp.openUrl(url, { size: 1 })), spaced, "of a URL");
      equal(await disposition(await kelp.openUrl(url, { size: 1, name: "b.webm" })), "inline; filename=b.webm", "a name of one's own");
    },
  },
  {
    // F146
    name: "a type that can run script has a policy and nosniff", cluster: null,
    async run(kelp) {
      const types = { "text/html": true, "image/svg+xml": true, "text/plain, text/html": true, "x": true, "video/webm": false, "text/plain": false, "application/pdf": false };
      for (const [type, runs] of Object.entries(types)) {
        const file = await kelp.openManifest({ size: 3, type, chunks: [] });
        for (const init of [{}, { method: "HEAD" }, { headers: { range: "bytes=0-1" } }]) {
          const response = await file.response(request({}, init));
          const policy = response.headers.get("content-security-policy");
          equal(response.headers.get("x-content-type-options"), "nosniff", "X-Content-Type-Options");
          equal(policy, runs ? "sandbox; default-src 'none'; style-src 'unsafe-inline'" : null, `policy of ${type}`);
          await response.body?.cancel();
        }
      }
    },
  },
  {
    // F147
    name: "what a credential opened is in no shared cache", cluster: null,
    async run(kelp, store) {
      const url = `${store.filer}/f/said.bin`;
      const lifetime = async (at, options) => {
        const { headers } = await (await kelp.openFiler(at, options)).response(request({}, { method: "HEAD" }));
        return [headers.get("cache-control"), headers.get("expires")];
      };
      const credentials = [
        [url, { headers: { "X-Api-Key": "k" } }], [url, { filerToken: "t" }], [url, { filerToken: () => "t" }], [url, { token: () => "t" }],
        [url, { sse: { kek: "00".repeat(32) } }], [`${url}?jwt=t`, {}],
      ];
      for (const [stored, sent] of Object.entries({ "public, max-age=60": null, "max-age=60": null, "private, max-age=60": "private, max-age=60", "no-store": "no-store" })) {
        await withExtended(store, "/f/said.bin", { "cache-control": stored, expires: MODIFIED });
        same(await lifetime(url), [stored, MODIFIED], `without a credential: ${stored}`);
        for (const [at, options] of credentials) {
          same(await lifetime(at, options), sent ? [sent, MODIFIED] : ["private, no-cache", null], `${stored} with ${JSON.stringify(options)}`);
        }
      }
      const ofManifest = (more) => kelp.openManifest({ size: 1, chunks: [{ urls: [url], offset: 0, size: 1, ...more }] });
      for (const [more, expected] of [[{}, null], [{ urls: [`${url}?signature=1`] }, "private, no-cache"], [{ key: new Uint8Array(32) }, "private, no-cache"]]) {
        const response = await (await ofManifest(more)).response(request({}, { method: "HEAD" }));
        equal(response.headers.get("cache-control"), expected, `a manifest with ${Object.keys(more)}`);
      }
    },
  },
  {
    name: "the caller chooses disposition and name", cluster: null,
    async run(kelp, store) {
      await withExtended(store, "/f/own.bin", { "content-disposition": "attachment; filename=stored" });
      const stored = await kelp.openFiler(`${store.filer}/f/own.bin`);
      const named = await kelp.openManifest({ size: 0, name: "one.bin", chunks: [] });
      const nameless = await kelp.openManifest({ size: 0, chunks: [] });
      const table = [
        [stored, undefined, "attachment; filename=stored"], [stored, {}, "attachment; filename=stored"],
        [stored, { name: "b" }, "attachment; filename=b"], [stored, { disposition: "inline" }, "inline; filename=own.bin"],
        [named, { disposition: "attachment" }, "attachment; filename=one.bin"], [named, { name: "ä b" }, "inline; filename=\"_ b\"; filename*=UTF-8''%C3%A4%20b"],
        [named, { disposition: "attachment", name: 'x"\r\ny' }, "attachment; filename=\"x\\\"__y\"; filename*=UTF-8''x%22__y"],
        [nameless, { disposition: "attachment" }, "attachment"], [nameless, { name: undefined, disposition: undefined }, null],
      ];
      for (const [file, options, expected] of table) {
        for (const method of ["GET", "HEAD"]) {
          const response = await file.response(request({}, { method }), options);
          equal(response.headers.get("content-disposition"), expected, JSON.stringify(options));
          await response.body?.cancel();
        }
      }
      for (const wrong of [5, null, { disposition: 5 }, { name: 5 }]) await rejects(TypeError, () => named.response(undefined, wrong), JSON.stringify(wrong));
      await rejects(RangeError, () => named.response(undefined, { disposition: "save" }), "an unknown disposition");
    },
  },
  {
    name: "a response without bytes fetches none", cluster: null,
    async run(kelp, store) {
      const file = await open(kelp, store);
      const empty = await kelp.openFiler((await store.addFile({ path: "/f/empty.bin", chunks: [] })).url);
      await store.resetLog();
      const asked = [
        [file, {}, { method: "HEAD" }, 200], [file, {}, { method: "POST" }, 405], [file, { "if-none-match": "*" }, {}, 304],
        [file, { "if-match": '"x"' }, {}, 412], [file, { range: "bytes=50000-" }, {}, 416], [empty, {}, {}, 200],
      ];
      for (const [of, headers, init, status] of asked) {
        const response = await of.response(request(headers, init));
        equal(response.status, status, "status");
        equal((await response.arrayBuffer()).byteLength, 0, `length of the body of ${status}`);
      }
      same(await store.requests(), [], "requests");
    },
  },
  {
    name: "a body is a byte stream, its first piece included", cluster: null, needs: "byte streams",
    async run(kelp, store, help) {
      const file = await open(kelp, store);
      const right = await help.content("noise:film", SIZE);
      const reader = (await file.response(request({ range: "bytes=5-" }))).body.getReader({ mode: "byob" });
      const pieces = [];
      for (;;) {
        const { done, value } = await reader.read(new Uint8Array(1000));
        if (done) break;
        ok(value.length > 0 && value.length <= 1000, `${value.length} bytes`);
        pieces.push(value);
      }
      sameBytes(joined(pieces), right.subarray(5));
      equal(file.stats.bytesDelivered, SIZE - 5, "bytes delivered");
    },
  },
  {
    name: "a response resolves with its first piece", cluster: null,
    async run(kelp, store, help) {
      const { url, fileIds } = await store.addFile({ path: "/f/late.bin", content: "noise:late", length: 40_000, chunkSize: 10_000 });
      const file = await kelp.openFiler(url, { concurrency: 1, verify: "strict" });
      const fault = await store.fault({ fileId: fileIds[0] }, { latency: 200 });
      const before = performance.now();
      const { body } = await file.response(request());
      ok(performance.now() - before > 150, "it waited for the first chunk");
      equal(await fault.hits(), 1, "requests for it");
      // The platform decides how many pieces a chunk has.
      ok(file.stats.bytesDelivered > 0 && file.stats.bytesDelivered <= 10_000, `${file.stats.bytesDelivered} bytes delivered`);
      const { bytes, error } = await readAll(body);
      equal(error, null, "error");
      sameBytes(bytes, await help.content("noise:late", 40_000));
    },
  },
  {
    name: "cancelling the body ends its requests", cluster: null,
    async run(kelp, store) {
      const { url, fileIds } = await store.addFile({ path: "/f/left.bin", content: "noise:left", length: 200_000, chunkSize: 10_000 });
      const file = await kelp.openFiler(url, { concurrency: 4 });
      for (const fileId of fileIds.slice(1)) await store.fault({ fileId }, { stall: 10 });
      await store.resetLog();
      const response = await file.response(request());
      await until(async () => (await store.inFlight()) >= 3, "the next chunks are requested");
      await response.body.cancel();
      await until(async () => (await store.inFlight()) === 0, "nothing is in flight");
      const { length } = await store.requests();
      ok(length < fileIds.length, `${length} requests`);
      equal(file.stats.inFlight, 0, "in flight");
    },
  },
  {
    name: "the signal of a request ends its body with its reason", cluster: null,
    async run(kelp, store) {
      const file = await open(kelp, store);
      await store.fault({ server: "filer", path: /proxyChunkId/ }, { stall: 100 });
      const leaving = new AbortController();
      const response = await file.response(request({}, { signal: leaving.signal }));
      const reading = response.arrayBuffer();
      reading.catch(() => {});
      await until(async () => (await store.inFlight()) > 0, "a request is in flight");
      leaving.abort();
      await rejects(Error, reading);
      await until(async () => (await store.inFlight()) === 0, "nothing is in flight");
    },
  },
  {
    name: "an empty file is 200 for a GET, and 416 for any range", cluster: null,
    async run(kelp, store) {
      const { url } = await store.addFile({ path: "/f/empty.bin", chunks: [] });
      const file = await kelp.openFiler(url);
      const whole = await file.response(request());
      same([whole.status, whole.headers.get("content-length"), await whole.text()], [200, "0", ""], "GET");
      const ranged = await file.response(request({ range: "bytes=0-" }));
      same([ranged.status, ranged.headers.get("content-range")], [416, "bytes */0"], "GET of a range");
    },
  },
];
