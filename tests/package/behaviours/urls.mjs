// One URL, read in ranges.
import { equal, fails, ok, same, sameBytes } from "./assert.mjs";
import { QUICK, mostAtOnce } from "./helpers.mjs";

const SIZE = 100_000;

/** A file, at a server that shows its headers to pages; SeaweedFS does not. */
async function add(store) {
  await store.fault({ server: "filer" }, { headers: { "Access-Control-Expose-Headers": "*" } });
  return addHidden(store);
}

const addHidden = (store) => store.addFile({ path: "/f/one url.webm", mime: "video/webm", content: "noise:url", length: SIZE, chunkSize: SIZE });

/** Ranges of the requests for a body. */
const rangesOf = (requests) => requests.filter(({ method, range }) => method === "GET" && range).map(({ range }) => range);

export const urls = [
  {
    name: "a URL is asked for its size, and read in ranges of the size that is wanted", cluster: null,
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
    name: "a size that is known saves the question", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      await store.resetLog();
      const file = await kelp.openUrl(url, { size: SIZE, name: "n.bin", type: "text/x-told" });
      same([file.size, file.name, file.type], [SIZE, "n.bin", "text/x-told"], "what was told");
      same(await store.requests(), [], "requests to open it");
      sameBytes(await file.bytes(), await help.content("noise:url", SIZE));
    },
  },
  {
    name: "a server that hides its headers from pages is read all the same", cluster: null,
    async run(kelp, store, help) {
      const { url } = await addHidden(store);
      const file = await kelp.openUrl(url, { chunkSize: 30_000 });
      equal(file.size, SIZE, "size");
      sameBytes(await file.bytes(), await help.content("noise:url", SIZE));
    },
  },
  {
    name: "the name of a URL is its last part, decoded", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      equal((await kelp.openUrl(`${url}?a=b`)).name, "one url.webm", "name");
      equal((await kelp.openUrl(new URL(url), { size: 5 })).name, "one url.webm", "name");
    },
  },
  {
    name: "ranges of one URL are asked for at the same time", cluster: null,
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
    name: "a server that ignores Range is read all the same", cluster: null,
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
    name: "a server that answers another range than was asked for is refused", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      const file = await kelp.openUrl(url, { size: SIZE, chunkSize: 30_000, ...QUICK });
      await store.fault({ server: "filer" }, { contentRange: `bytes 1-30000/${SIZE}` });
      const error = await fails(kelp, "range", file.bytes());
      equal(error.offset, 0, "offset");
    },
  },
  {
    name: "a URL that is not there is not_found; one that is forbidden is unauthorized; a broken server is http", cluster: null,
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
    name: "a file that changed while it was read is source_changed, never a mixture", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      const file = await kelp.openUrl(url, { chunkSize: 30_000, ...QUICK });
      ok(file.etag, "the server's ETag is known");
      await store.fault({ server: "filer" }, { headers: { Etag: '"another version"', "Access-Control-Expose-Headers": "*" } });
      await fails(kelp, "source_changed", file.bytes());
    },
  },
  {
    name: "headers are sent to the URL that was opened", cluster: null,
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
