// Files of any chunk store, opened by a manifest.
import { equal, fails, ok, rejects, same, sameBytes } from "./assert.mjs";
import { QUICK, joined, readAll } from "./helpers.mjs";

const SIZE = 60_000;
const CHUNK = 16_384;

/** A file at the store, and a manifest of its chunks. */
async function stored(store, more = {}) {
  const file = await store.addFile({ path: "/f/m.bin", content: "noise:m", length: SIZE, chunkSize: CHUNK, ...more });
  const chunks = file.fileIds.map((fileId, i) => ({
    urls: [`${store.volumes[0]}/${fileId}`], offset: i * CHUNK, size: Math.min(CHUNK, SIZE - i * CHUNK),
  }));
  return { ...file, listed: JSON.parse(file.entry).chunks, manifest: { size: SIZE, chunks } };
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

export const manifests = [
  {
    name: "a manifest of plain chunks is read, whole and in ranges", cluster: null,
    async run(kelp, store, help) {
      const { manifest } = await stored(store);
      const right = await help.content("noise:m", SIZE);
      await store.resetLog();
      const file = await kelp.openManifest(manifest);
      same(await store.requests(), [], "requests to open it");
      sameBytes(await file.bytes(), right);
      for (const [start, end] of [[0, 1], [CHUNK - 1, CHUNK + 1], [100, 50_000], [SIZE - 1, SIZE]]) {
        sameBytes(await file.bytes({ start, end }), right.subarray(start, end), `${start}..${end}`);
      }
    },
  },
  {
    name: "fields of a manifest have defaults", cluster: null,
    async run(kelp, store) {
      const { manifest } = await stored(store);
      const given = { name: "a b.webm", type: "video/webm", etag: '"v1"', lastModified: 1795471475123 };
      const file = await kelp.openManifest({ ...manifest, ...given, unknown: 1 });
      same([file.size, file.name, file.type, file.etag, file.lastModified], [SIZE, ...Object.values(given)], "properties");
      const bare = await kelp.openManifest(manifest);
      same([bare.size, bare.type, bare.lastModified], [SIZE, "application/octet-stream", null], "defaults");
      equal(typeof bare.name, "string", "type of the name");
      ok(bare.etag === null || /^".+"$/.test(bare.etag), `etag ${bare.etag}`);
    },
  },
  {
    name: "chunks may be ranges of one URL", cluster: null,
    async run(kelp, store, help) {
      const { url, sha256 } = await store.addFile({ path: "/f/packed.bin", content: "noise:p", length: SIZE, chunkSize: SIZE });
      const cuts = [0, 10_000, 10_001, 45_000, SIZE];
      // The chunks are stored in another order than in the file.
      const chunks = [2, 0, 3, 1].reduce((list, i) => {
        const range = { start: cuts[i], end: cuts[i + 1] };
        const offset = list.reduce((sum, { size }) => sum + size, 0);
        return [...list, { urls: [url], range, offset, size: range.end - range.start }];
      }, []);
      const all = await help.content("noise:p", SIZE);
      const right = joined(chunks.map(({ range }) => all.subarray(range.start, range.end)));
      const file = await kelp.openManifest({ size: SIZE, chunks });
      sameBytes(await file.bytes(), right);
      sameBytes(await file.bytes({ start: 34_990, end: 45_100 }), right.subarray(34_990, 45_100));
      equal(await help.sha256(all), sha256, "sha256 of the stored bytes");
    },
  },
  {
    name: "adjacent chunks of a blob are one request", cluster: null,
    async run(kelp, store, help) {
      const { url } = await store.addFile({ path: "/f/pack.bin", content: "noise:n", length: SIZE, chunkSize: SIZE });
      const right = await help.content("noise:n", SIZE);
      const cut = (size) => Array.from({ length: SIZE / size }, (_, i) => ({ urls: [url], offset: i * size, size, range: { start: i * size, end: (i + 1) * size } }));
      const chunks = cut(600);
      const file = await kelp.openManifest({ size: SIZE, chunks });
      const { requests, views } = file.plan();
      same([requests, views], [1, 1], "requests and views");
      await store.resetLog();
      sameBytes(await file.bytes(), right);
      same((await store.requests()).map(({ range }) => range), [`bytes=0-${SIZE - 1}`], "requests");
      sameBytes(await file.bytes({ start: 599, end: 1201 }), right.subarray(599, 1201), "a range");
      const narrow = await kelp.openManifest({ size: SIZE, chunks }, { maxBytesAhead: 48_000 });
      equal(narrow.plan().requests, 10, "requests with a budget of eight times 6000 bytes");
      sameBytes(await narrow.bytes(), right, "in ten requests");
      ok(narrow.stats.peakBytesAhead <= 48_000, `${narrow.stats.peakBytesAhead} bytes ahead`);
      equal(file.etag, narrow.etag, "the ETag is that of the given manifest");
    },
  },
  {
    name: "a shared blob that changed is source_changed", cluster: null,
    async run(kelp, store) {
      await store.fault({ server: "filer" }, { headers: { "Access-Control-Expose-Headers": "*" } });
      const { url } = await store.addFile({ path: "/f/pack.bin", content: "noise:n", length: SIZE, chunkSize: SIZE });
      const range = (start, end) => ({ urls: [url], offset: start, size: end - start, range: { start, end }, modified: start });
      const file = await kelp.openManifest({ size: SIZE, etag: '"mine"', chunks: [range(0, 30_000), range(30_000, SIZE)] }, { ...QUICK, concurrency: 1 });
      await store.fault({ server: "filer", nth: 2 }, { headers: { Etag: '"new"', "Access-Control-Expose-Headers": "*" } });
      const { bytes, error } = await readAll(file.stream());
      await fails(kelp, "source_changed", Promise.reject(error));
      equal(bytes.length, 30_000, "bytes before");
    },
  },
  {
    name: "a key is bytes or base64", cluster: null,
    async run(kelp, store, help) {
      const { manifest, listed, fileIds } = await stored(store, { cipher: true });
      const right = await help.content("noise:m", SIZE);
      const withKey = (key) => ({ ...manifest, chunks: manifest.chunks.map((chunk, i) => ({ ...chunk, key: key(listed[i].cipher_key) })) });
      for (const key of [(text) => text, fromBase64]) {
        for (const decoder of ["native", "wasm"]) {
          if (decoder === "native" && !globalThis.crypto?.subtle) continue;
          sameBytes(await (await kelp.openManifest(withKey(key), { decoder })).bytes(), right, decoder);
        }
      }
      sameBytes(await (await kelp.openManifest(withKey(fromBase64))).bytes({ start: 20_000, end: 20_010 }), right.subarray(20_000, 20_010));
      await store.fault({ fileId: fileIds[0] }, { corrupt: 3000 });
      const { bytes, error } = await readAll((await kelp.openManifest(withKey(fromBase64), { verify: "off", ...QUICK })).stream());
      await fails(kelp, "corrupt", Promise.reject(error));
      equal(bytes.length, 0, "bytes delivered");
    },
  },
  {
    // F46
    name: "a gzip chunk is inflated once", cluster: null,
    async run(kelp, store, help) {
      const text = { content: "prose:z", length: SIZE, gzip: true };
      const right = await help.content("prose:z", SIZE);
      const { manifest } = await stored(store, text);
      const gzipped = { ...manifest, chunks: manifest.chunks.map((chunk) => ({ ...chunk, compression: "gzip" })) };
      sameBytes(await (await kelp.openManifest(gzipped)).bytes(), right, "undone by the platform");
      sameBytes(await (await kelp.openManifest(gzipped)).bytes({ start: 20_000, end: 40_000 }), right.subarray(20_000, 40_000), "a range");
      await store.fault({ server: /^volume/ }, { headers: { "Content-Encoding": null, "Content-Type": "application/gzip" } });
      sameBytes(await (await kelp.openManifest(gzipped)).bytes(), right, "left to us");
      sameBytes(await (await kelp.openManifest(gzipped)).bytes({ start: 20_000, end: 40_000 }), right.subarray(20_000, 40_000), "a range, left to us");
    },
  },
  {
    name: "gzip under encryption is decrypted and inflated", cluster: null,
    async run(kelp, store, help) {
      const { manifest, listed } = await stored(store, { content: "prose:zc", gzip: true, cipher: true });
      const chunks = manifest.chunks.map((chunk, i) => ({ ...chunk, compression: "gzip", key: listed[i].cipher_key }));
      sameBytes(await (await kelp.openManifest({ size: SIZE, chunks })).bytes(), await help.content("prose:zc", SIZE));
    },
  },
  {
    name: "a wrong MD5 of the decoded bytes is an error", cluster: null,
    async run(kelp, store, help) {
      const { manifest, listed } = await stored(store);
      const withDigest = (md5) => ({ ...manifest, chunks: manifest.chunks.map((chunk, i) => ({ ...chunk, md5: md5(listed[i].e_tag, i) })) });
      const right = await help.content("noise:m", SIZE);
      for (const verify of ["stream", "strict", "off"]) sameBytes(await (await kelp.openManifest(withDigest((tag) => tag), { verify })).bytes(), right, verify);
      const wrong = withDigest((tag, i) => (i === 2 ? listed[0].e_tag : tag));
      for (const verify of ["stream", "strict"]) {
        const { bytes, error } = await readAll((await kelp.openManifest(wrong, { verify, ...QUICK })).stream());
        await fails(kelp, "corrupt", Promise.reject(error), verify);
        ok(bytes.length < SIZE, `${bytes.length} bytes were delivered`);
        sameBytes(bytes, right.subarray(0, bytes.length));
        if (verify === "strict") equal(bytes.length, 2 * CHUNK, "bytes before the bad chunk");
      }
      sameBytes(await (await kelp.openManifest(wrong, { verify: "off" })).bytes(), right, "not looked at");
    },
  },
  {
    // F79
    name: "where chunks overlap the greatest version wins", cluster: null,
    async run(kelp, store, help) {
      const [a, b, c] = await Promise.all(["a", "b", "c"].map((seed) => help.content(`noise:${seed}`, 1000)));
      const { fileIds } = await store.addFile({ path: "/f/abc.bin", chunks: ["a", "b", "c"].map((seed) => ({ content: `noise:${seed}`, length: 1000 })) });
      const chunk = (i, offset, modified) => ({ urls: [`${store.volumes[0]}/${fileIds[i]}`], offset, size: 1000, modified });
      const read = async (...chunks) => (await kelp.openManifest({ size: 2000, chunks })).bytes();
      const near = 1795471475000000000n;
      sameBytes(await read(chunk(0, 0, near + 1n), chunk(1, 500, near), chunk(2, 1000, near - 1n)), joined([a, b.subarray(500), c.subarray(500)]), "versions a nanosecond apart");
      sameBytes(await read(chunk(0, 0, 7), chunk(1, 500, 7n), chunk(2, 1000, 7)), joined([a.subarray(0, 500), b.subarray(0, 500), c]), "equal versions");
      sameBytes(await read(chunk(1, 500, undefined), chunk(2, 1000, undefined), chunk(0, 0, 1)), joined([a, c]), "one version against none");
    },
  },
  {
    name: "bytes in no chunk are zeros", cluster: null,
    async run(kelp, store, help) {
      const { manifest } = await stored(store);
      const file = await kelp.openManifest({ size: SIZE + 500, chunks: [manifest.chunks[0], manifest.chunks[2]] });
      const right = new Uint8Array(SIZE + 500);
      const all = await help.content("noise:m", SIZE);
      right.set(all.subarray(0, CHUNK));
      right.set(all.subarray(2 * CHUNK, 3 * CHUNK), 2 * CHUNK);
      sameBytes(await file.bytes(), right);
      same([file.stats.holes, file.stats.holeBytes], [2, CHUNK + (SIZE + 500 - 3 * CHUNK)], "holes");
    },
  },
  {
    // F56
    name: "the error of a wrong field names it", cluster: null,
    async run(kelp, store) {
      const { manifest } = await stored(store);
      const [first, second] = manifest.chunks;
      const withSecond = (change) => ({ ...manifest, chunks: [first, { ...second, ...change }] });
      const wrong = [
        [TypeError, "size", { ...manifest, size: "60000" }], [TypeError, "size", { chunks: [] }], [RangeError, "size", { ...manifest, size: -1 }],
        [RangeError, "size", { ...manifest, size: 1.5 }], [TypeError, "chunks", { size: 5 }], [TypeError, "chunks", { size: 5, chunks: 5 }],
        [TypeError, "name", { ...manifest, name: 5 }], [TypeError, "type", { ...manifest, type: 5 }], [TypeError, "etag", { ...manifest, etag: 5 }],
        [TypeError, "lastModified", { ...manifest, lastModified: "today" }],
        [TypeError, "chunks[1]", { ...manifest, chunks: [first, 5] }],
        [TypeError, "chunks[1]", { ...manifest, chunks: Object.assign([], { 0: first, 2: second }) }], [TypeError, "chunks[1].urls[0]", withSecond({ urls: Array(1) })],
        [TypeError, "chunks[1].urls", withSecond({ urls: "http://127.0.0.1/" })], [TypeError, "chunks[1].urls", withSecond({ urls: undefined })], [TypeError, "chunks[1].urls[0]", withSecond({ urls: [5] })],
        [TypeError, "chunks[1].offset", withSecond({ offset: undefined })], [TypeError, "chunks[1].offset", withSecond({ offset: "5" })], [RangeError, "chunks[1].offset", withSecond({ offset: -1 })],
        [TypeError, "chunks[1].size", withSecond({ size: null })], [RangeError, "chunks[1].size", withSecond({ size: 0.5 })], [RangeError, "chunks[1].size", withSecond({ size: 2 ** 53 })],
        [TypeError, "chunks[1].range", withSecond({ range: 5 })], [TypeError, "chunks[1].range.start", withSecond({ range: { start: "0", end: 5 } })], [RangeError, "chunks[1].range", withSecond({ range: { start: 5, end: 4 } })],
        [TypeError, "chunks[1].key", withSecond({ key: 5 })], [RangeError, "chunks[1].key", withSecond({ key: new Uint8Array(31) })], [RangeError, "chunks[1].key", withSecond({ key: "short" })],
        [RangeError, "chunks[1].compression", withSecond({ compression: "brotli" })], [TypeError, "chunks[1].compression", withSecond({ compression: true })],
        [TypeError, "chunks[1].md5", withSecond({ md5: 5 })], [RangeError, "chunks[1].md5", withSecond({ md5: "AAAA" })],
        [TypeError, "chunks[1].modified", withSecond({ modified: "1" })], [RangeError, "chunks[1].modified", withSecond({ modified: 1.5 })],
      ];
      for (const [type, field, bad] of wrong) {
        const error = await rejects(type, () => kelp.openManifest(bad), `wrong ${field}`);
        ok(error.message.includes(field), `"${error.message}" names ${field}`);
      }
    },
  },
  {
    name: "the key of a chunk is in no error", cluster: null,
    async run(kelp, store) {
      const { manifest } = await stored(store);
      const key = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
      const error = await rejects(RangeError, () => kelp.openManifest({ ...manifest, chunks: [{ ...manifest.chunks[0], key }] }));
      ok(!error.message.includes(key) && !error.stack.includes(key), error.message);
    },
  },
];
