// Properties of a file, and the ways to read it.
import { equal, fails, ok, rejects, same, sameBytes, throws } from "./assert.mjs";
import { readAll } from "./helpers.mjs";

const SIZE = 100_000;

/** A file of noise in chunks of 16 KiB. */
const addNoise = (store, more) => store.addFile({ path: "/f/noise.bin", content: "noise:file", length: SIZE, chunkSize: 16_384, ...more });

export const files = [
  {
    name: "size, name, type, ETag and time are the filer's", cluster: "plain",
    async run(kelp, store) {
      for (const { name, path, size } of store.cases.filter(({ sha256 }) => sha256).filter(({ name }) => DATA.includes(name))) {
        const url = store.urlOf(path);
        const { headers } = await store.head(url);
        const entry = JSON.parse(await store.text(`${url}?metadata=true`));
        const file = await kelp.openFiler(url);
        equal(file.size, size, `size of ${name}`);
        equal(file.name, path.split("/").at(-1), `name of ${name}`);
        equal(file.type, entry.Mime || "application/octet-stream", `type of ${name}`);
        equal(file.etag, headers.etag, `etag of ${name}`);
        equal(file.lastModified, Date.parse(entry.Mtime), `lastModified of ${name}`);
        equal(Math.floor(file.lastModified / 1000) * 1000, Date.parse(headers["last-modified"]), `Last-Modified of ${name}`);
      }
    },
  },
  {
    name: "an ETag is strong and stable", cluster: "cipher",
    async run(kelp, store) {
      const seen = new Map();
      for (const name of ["film", "many", "hole-only", "empty"]) {
        const url = store.urlOf(store.cases.find((each) => each.name === name).path);
        const [{ etag }, again] = await Promise.all([kelp.openFiler(url), kelp.openFiler(url)]);
        ok(/^"[\x21\x23-\x7e]+"$/.test(etag), `${name} has ${etag}`);
        equal(again.etag, etag, `etag of ${name}, opened again`);
        ok(!seen.has(etag), `${name} and ${seen.get(etag)} have one ETag`);
        seen.set(etag, name);
      }
    },
  },
  {
    name: "bytes, arrayBuffer, blob and text return the same range", cluster: null,
    async run(kelp, store, help) {
      const { url } = await store.addFile({ path: "/f/words.txt", mime: "text/plain", content: "prose:words", length: 50_000, chunkSize: 16_384, gzip: true });
      const all = await help.content("prose:words", 50_000);
      const file = await kelp.openFiler(url);
      for (const range of [undefined, {}, { start: 10 }, { end: 20 }, { start: 16_000, end: 33_000 }, { start: undefined, end: undefined }]) {
        const right = all.subarray(range?.start ?? 0, range?.end ?? 50_000);
        const said = JSON.stringify(range);
        const bytes = await file.bytes(range);
        ok(bytes instanceof Uint8Array, "bytes() gives a Uint8Array");
        sameBytes(bytes, right, said);
        const buffer = await file.arrayBuffer(range);
        ok(buffer instanceof ArrayBuffer, "arrayBuffer() gives an ArrayBuffer");
        sameBytes(new Uint8Array(buffer), right, said);
        const blob = await file.blob(range);
        // Bun adds a charset to text types.
        equal(blob.type, new Blob([], { type: "text/plain" }).type, "type of the blob");
        sameBytes(new Uint8Array(await blob.arrayBuffer()), right, said);
        equal(await file.text(range), new TextDecoder().decode(right), said);
        sameBytes((await readAll(file.stream(range))).bytes, right, said);
      }
    },
  },
  {
    name: "UTF-8 is decoded across chunks", cluster: null,
    async run(kelp, store) {
      const text = "seetang ä 海藻 🌊 ".repeat(20);
      const { url } = await store.addFile({ path: "/f/seaweed.txt", content: `utf8:${text}`, chunkSize: 7 });
      equal(await (await kelp.openFiler(url)).text(), text, "text");
    },
  },
  {
    // F91
    name: "a range beyond the size is clipped", cluster: null,
    async run(kelp, store, help) {
      const { url } = await addNoise(store);
      const file = await kelp.openFiler(url);
      const right = (await help.content("noise:file", SIZE)).subarray(90_000);
      sameBytes(await file.bytes({ start: 90_000, end: SIZE + 1 }), right);
      sameBytes(await file.bytes({ start: 90_000, end: Number.MAX_SAFE_INTEGER }), right);
      const { start, end } = file.plan({ start: 90_000, end: SIZE * 2 });
      same([start, end], [90_000, SIZE], "plan");
      await store.resetLog();
      for (const start of [SIZE, SIZE + 1, Number.MAX_SAFE_INTEGER]) {
        equal((await file.bytes({ start })).length, 0, `from ${start}`);
        equal((await file.text({ start, end: Number.MAX_SAFE_INTEGER })), "", `text from ${start}`);
        const { requests, views, gaps } = file.plan({ start });
        same([requests, views, gaps], [0, 0, 0], `plan from ${start}`);
      }
      equal((await file.bytes({ start: 5, end: 5 })).length, 0, "an empty range");
      same(await store.chunkRequests(), [], "requests");
    },
  },
  {
    // F91
    name: "a start beyond the end is a RangeError", cluster: null,
    async run(kelp, store) {
      const file = await kelp.openFiler((await addNoise(store)).url);
      const range = { start: 6, end: 5 };
      throws(RangeError, () => file.stream(range));
      throws(RangeError, () => file.plan(range));
      for (const way of ["bytes", "arrayBuffer", "blob", "text"]) await rejects(RangeError, () => file[way](range), way);
    },
  },
  {
    name: "many streams of one file are independent", cluster: null,
    async run(kelp, store, help) {
      const file = await kelp.openFiler((await addNoise(store)).url);
      const all = await help.content("noise:file", SIZE);
      const starts = Array.from({ length: 12 }, (_, i) => i * 7919);
      const read = await Promise.all(starts.map((start) => file.bytes({ start, end: start + 12_000 })));
      for (const [i, start] of starts.entries()) sameBytes(read[i], all.subarray(start, start + 12_000), `from ${start}`);
    },
  },
  {
    name: "a plan counts views, holes, chunks and requests", cluster: null,
    async run(kelp, store) {
      const chunks = [{ content: "noise:a", length: 1000, offset: 500 }, { content: "noise:b", length: 1000, offset: 3000 }];
      const file = await kelp.openFiler((await store.addFile({ path: "/f/gaps.bin", size: 5000, chunks })).url);
      await store.resetLog();
      const { peakBytes, ...plan } = file.plan();
      same(plan, { start: 0, end: 5000, views: 2, gaps: 3, gapBytes: 3000, chunks: 2, requests: 2, manifests: 0 }, "plan");
      ok(peakBytes > 0 && peakBytes <= 32 * 1024 * 1024, `peakBytes ${peakBytes}`);
      const { views, gaps, gapBytes, requests } = file.plan({ start: 600, end: 3000 });
      same([views, gaps, gapBytes, requests], [1, 1, 1500, 1], "plan of a range");
      same(await store.requests(), [], "requests");
    },
  },
  {
    name: "a missing file is not_found, a directory unsupported", cluster: "plain",
    async run(kelp, store) {
      const error = await fails(kelp, "not_found", kelp.openFiler(store.urlOf("/d/nothing.bin")));
      equal(error.retryable, false, "retryable");
      await fails(kelp, "unsupported", kelp.openFiler(store.urlOf("/d")));
    },
  },
  {
    name: "the query of a file's URL is kept", cluster: null,
    async run(kelp, store, help) {
      const { url } = await addNoise(store);
      await store.resetLog();
      const file = await kelp.openFiler(new URL(`${url}?tenant=7`));
      const [entry] = await store.requests();
      const query = new URL(entry.url, store.filer).searchParams;
      same([query.get("metadata"), query.get("tenant")], ["true", "7"], "query of the request for the entry");
      sameBytes(await file.bytes(), await help.content("noise:file", SIZE));
    },
  },
];

/** Content for which the filer computes an ETag. */
const DATA = ["one", "small-text", "auto", "auto-text", "many", "append", "odd-name", "overlap", "sparse"];
