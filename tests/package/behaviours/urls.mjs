// Files that are opened by one URL and read in ranges.
import { equal, fails, ok, same, sameBytes } from "./assert.mjs";
import { QUICK, mentions, mostAtOnce } from "./helpers.mjs";

const SIZE = 100_000;

/** A file at a server that exposes its headers to pages, which SeaweedFS does not. */
async function add(store) {
  await store.fault({ server: "filer" }, { headers: { "Access-Control-Expose-Headers": "*" } });
  return addHidden(store);
}

const addHidden = (store) => store.addFile({ path: "/f/one url.webm", mime: "video/webm", content: "noise:url", length: SIZE, chunkSize: SIZE });

/** The ranges of the requests for a body. */
const rangesOf = (requests) => requests.filter(({ method, range }) => method === "GET" && range).map(({ range }) => range);

export const urls = [
  {
    name: "a URL is probed and read in ranges of chunkSize", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const right = await help.content("noise:url", SIZE);
      await store.resetLog();
      const file = await kelp.openUrl(url, { chunkSize: 30_000 });
      equal((await store.requests()).length, 1, "requests to open it");
      same([file.size, file.type], [SIZE, "video/webm"], "size and type");
      await store.resetLog();
      sameBytes(await file.bytes(), right);
      same(rangesOf(await store.requests()).sort(), ["bytes=0-29999", "bytes=30000-59999", "bytes=60000-89999", "bytes=90000-99999"], "ranges");
      for (const [start, end] of [[0, 1], [29_999, 30_001], [1000, 99_000], [SIZE - 1, SIZE]]) {
        sameBytes(await file.bytes({ start, end }), right.subarray(start, end), `${start}..${end}`);
      }
    },
  },
  {
    // F117
    name: "no request uses HEAD", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const head = await store.fault({ method: "HEAD" }, { status: 403 });
      sameBytes(await (await kelp.openUrl(url)).bytes(), await help.content("noise:url", SIZE));
      equal(await head.hits(), 0, "requests with HEAD");
    },
  },
  {
    name: "a known size saves the probe", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      await store.resetLog();
      const file = await kelp.openUrl(url, { size: SIZE, name: "n.bin", type: "text/x-told" });
      same([file.size, file.name, file.type], [SIZE, "n.bin", "text/x-told"], "given properties");
      same(await store.requests(), [], "requests to open it");
      sameBytes(await file.bytes(), await help.content("noise:url", SIZE));
    },
  },
  {
    name: "a server that hides its headers is read", cluster: null,
    async run(kelp, store, help) {
      const { url } = await addHidden(store);
      const file = await kelp.openUrl(url, { chunkSize: 30_000 });
      equal(file.size, SIZE, "size");
      sameBytes(await file.bytes(), await help.content("noise:url", SIZE));
    },
  },
  {
    name: "the name is the last component of the URL, decoded", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      equal((await kelp.openUrl(`${url}?a=b`)).name, "one url.webm", "name");
      equal((await kelp.openUrl(new URL(url), { size: 5 })).name, "one url.webm", "name");
    },
  },
  {
    // F135
    name: "a name from a URL has no path and no controls", cluster: null,
    async run(kelp, store) {
      for (const [path, name] of [
        ["..%2F..%2Fetc%2Fpasswd", "passwd"], ["a%5Cb.exe", "a_b.exe"], ["gpj%E2%80%AEexe%0A.%C2%9B", "gpj_exe_._"], ["%2E%2E%2F", "download"], ["", "download"],
      ]) {
        equal((await kelp.openUrl(`${store.filer}/${path}`, { size: 5 })).name, name, path);
      }
    },
  },
  {
    // F136
    name: "the name of a server is used where it can be seen", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      const disposition = "attachment; filename=\"plain\"; filename*=UTF-8''..%2F%E2%82%AC%20rates.csv";
      await store.fault({ server: "filer" }, { headers: { "Content-Disposition": disposition, "Access-Control-Expose-Headers": "*" } });
      equal((await kelp.openUrl(url)).name, "€ rates.csv", "name");
      equal((await kelp.openUrl(url, { name: "mine" })).name, "mine", "a given name");
    },
  },
  {
    // F128
    name: "views of a server without ranges share a stream", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const right = await help.content("noise:url", SIZE);
      await store.fault({ server: "filer" }, { ignoreRange: true, headers: { "Accept-Ranges": null, "Access-Control-Expose-Headers": "*" } });
      const file = await kelp.openUrl(url, { size: SIZE, chunkSize: 4000, concurrency: 3, pool: new kelp.Pool() });
      for (const [requests, range] of [[3, {}], [1, {}], [1, { start: 90_001, end: 99_999 }]]) {
        await store.resetLog();
        sameBytes(await file.bytes(range), right.subarray(range.start, range.end));
        const sent = (await store.requests()).filter(({ method }) => method === "GET").length;
        ok(sent <= requests, `${sent} requests, not ${requests}`);
      }
    },
  },
  {
    name: "ranges of one URL are requested concurrently", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const file = await kelp.openUrl(url, { size: SIZE, chunkSize: 10_000, concurrency: 4 });
      await store.resetLog();
      await store.fault({ server: "filer" }, { latency: 30 });
      sameBytes(await file.bytes(), await help.content("noise:url", SIZE));
      equal(mostAtOnce(await store.requests()), 4, "requests at one time");
    },
  },
  {
    // F118
    name: "a server that ignores Range is read", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const right = await help.content("noise:url", SIZE);
      await store.fault({ server: "filer" }, { ignoreRange: true, headers: { "Accept-Ranges": null, "Access-Control-Expose-Headers": "*" } });
      for (const options of [{ chunkSize: 30_000 }, { chunkSize: 30_000, size: SIZE }, {}]) {
        const file = await kelp.openUrl(url, options);
        equal(file.size, SIZE, "size");
        sameBytes(await file.bytes(), right, JSON.stringify(options));
        sameBytes(await file.bytes({ start: 40_000, end: 70_000 }), right.subarray(40_000, 70_000), JSON.stringify(options));
      }
    },
  },
  {
    name: "a wrong Content-Range of a URL is refused", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      const file = await kelp.openUrl(url, { size: SIZE, chunkSize: 30_000, ...QUICK });
      await store.fault({ server: "filer" }, { contentRange: `bytes 1-30000/${SIZE}` });
      const error = await fails(kelp, "range", file.bytes());
      equal(error.offset, 0, "offset");
    },
  },
  {
    name: "error statuses of a URL have their codes", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      await fails(kelp, "not_found", kelp.openUrl(`${store.filer}/nothing`, QUICK));
      for (const [status, code, retryable] of [[403, "unauthorized", false], [500, "http", true], [418, "http", false], [429, "http", true]]) {
        const fault = await store.fault({ server: "filer" }, { status });
        const errors = [
          await fails(kelp, code, kelp.openUrl(url, QUICK), `opening, ${status}`),
          await fails(kelp, code, (await kelp.openUrl(url, { size: SIZE, ...QUICK })).bytes(), `reading, ${status}`),
        ];
        for (const error of errors) {
          equal(error.retryable, retryable, `retryable, ${status}`);
          equal(error.attempts.at(-1).status, status, "status of the last attempt");
        }
        await fault.remove();
      }
    },
  },
  {
    // F45
    name: "a file that changes while it is read is source_changed", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      const file = await kelp.openUrl(url, { chunkSize: 30_000, ...QUICK });
      ok(file.etag, "the server's ETag is known");
      await store.fault({ server: "filer" }, { headers: { Etag: '"another version"', "Access-Control-Expose-Headers": "*" } });
      await fails(kelp, "source_changed", file.bytes());
    },
  },
  {
    name: "a change between two streams is source_changed", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const file = await kelp.openUrl(url, { size: SIZE, chunkSize: 30_000, ...QUICK });
      sameBytes(await file.bytes(), await help.content("noise:url", SIZE));
      await store.resetLog();
      await store.fault({ server: "filer" }, { headers: { Etag: 'W/"another version"', "Access-Control-Expose-Headers": "*" } });
      const error = await fails(kelp, "source_changed", file.bytes({ start: 90_000 }));
      same([error.retryable, error.offset], [false, 90_000], "retryable and offset");
      equal((await store.requests()).length, 1, "it is not tried again");
    },
  },
  {
    name: "another size than given is source_changed", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      await fails(kelp, "source_changed", (await kelp.openUrl(url, { size: SIZE - 1, ...QUICK })).bytes());
    },
  },
  {
    name: "Last-Modified is a validator if the ETag is hidden", cluster: null,
    async run(kelp, store) {
      const { url } = await addHidden(store);
      const file = await kelp.openUrl(url, { chunkSize: 30_000, ...QUICK });
      ok(file.lastModified > Date.UTC(2020), `lastModified ${file.lastModified}`);
      await store.fault({ server: "filer" }, { headers: { Etag: null, "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT" } });
      await fails(kelp, "source_changed", file.bytes());
    },
  },
  {
    // F118
    name: "a size in no header is counted in one request", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const right = await help.content("noise:url", SIZE);
      await store.fault({ server: "filer" }, { ignoreRange: true, end: SIZE });
      await store.resetLog();
      const file = await kelp.openUrl(url, QUICK);
      same([file.size, file.type, file.plan().requests], [SIZE, "video/webm", 0], "size, type, requests planned");
      sameBytes(await file.bytes(), right);
      sameBytes(await file.bytes({ start: 50_000, end: 70_000 }), right.subarray(50_000, 70_000));
      equal((await store.requests()).length, 1, "requests");
      const error = await fails(kelp, "unsupported", kelp.openUrl(url, { ...QUICK, maxBytesAhead: SIZE - 1 }));
      ok(error.message.includes("`size`"), error.message);
      sameBytes(await (await kelp.openUrl(url, { ...QUICK, size: SIZE, maxBytesAhead: SIZE - 1 })).bytes(), right, "the size is given");
    },
  },
  {
    // F46
    name: "an encoded body is read whole", cluster: null,
    async run(kelp, store, help) {
      const text = "a line that packs well\n".repeat(5000);
      const packed = await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
      const { url } = await store.addFile({ path: "/f/packed.txt", content: `base64:${btoa(String.fromCharCode(...new Uint8Array(packed)))}`, length: packed.byteLength, chunkSize: 2 ** 20 });
      await store.fault({ server: "filer" }, { ignoreRange: true, headers: { "Content-Encoding": "gzip", "Access-Control-Expose-Headers": "*" } });
      const file = await kelp.openUrl(url, QUICK);
      equal(file.size, text.length, "size");
      await store.resetLog();
      equal(await file.text(), text, "text");
      same(await store.requests(), [], "requests to read it");
    },
  },
  {
    name: "a redirect is followed again when its target expires", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const right = await help.content("noise:url", SIZE);
      const expose = { "Access-Control-Expose-Headers": "*" };
      await store.addFile({ path: "/f/signed.webm", content: "noise:url", length: SIZE, chunkSize: SIZE });
      await store.fault({ server: "filer", path: "/f/one url.webm" }, { redirect: `${store.filer}/f/signed.webm?sig=secret`, headers: expose });
      const file = await kelp.openUrl(url, { chunkSize: 10_000, ...QUICK });
      ok(["one url.webm", "signed.webm"].includes(file.name), "it is called as the URL that was opened, or as its server says");
      await store.resetLog();
      sameBytes(await file.bytes(), right);
      equal((await store.requests()).filter(({ path }) => path !== "/f/signed.webm").length, 0, "redirects followed again");
      await store.resetLog();
      await store.fault({ server: "filer", path: "/f/signed.webm", times: 1 }, { status: 403, headers: expose });
      sameBytes(await file.bytes({ end: 10_000 }), right.subarray(0, 10_000), "after it expired");
      same((await store.requests()).map(({ path }) => path), ["/f/signed.webm", "/f/one url.webm", "/f/signed.webm"], "requests after it expired");
      await store.fault({ server: "filer", path: "/f/signed.webm" }, { status: 403, headers: expose });
      const error = await fails(kelp, "unauthorized", file.bytes());
      ok(!mentions(error, "secret") && error.chunk === url, `chunk ${error.chunk}`);
    },
  },
  {
    // F17
    name: "a broken redirect is a network error", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      const fault = await store.fault({ server: "filer" }, { redirect: url, headers: { "Access-Control-Expose-Headers": "*" } });
      // Bun follows 127 redirects, each on a new connection.
      await fails(kelp, "network", kelp.openUrl(url, { ...QUICK, timeout: { headers: 90_000 } }), "a circle");
      await fault.remove();
      await store.fault({ server: "filer" }, { redirect: "http://127.0.0.1:1/" });
      await fails(kelp, "network", kelp.openUrl(url, QUICK), "nowhere");
    },
  },
  {
    name: "headers are sent to the opened URL", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      for (const headers of [{ "X-Tenant": "seven" }, [["X-Tenant", "seven"]], new Headers({ "X-Tenant": "seven" })]) {
        await store.resetLog();
        await (await kelp.openUrl(url, { headers })).bytes();
        const sent = (await store.requests()).map((request) => request.headers["x-tenant"]);
        ok(sent.length >= 2 && sent.every((value) => value === "seven"), `sent: ${sent}`);
      }
    },
  },
];
