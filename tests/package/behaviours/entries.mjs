// Files that are opened by their entry.
import { equal, fails, ok, same, sameBytes } from "./assert.mjs";
import { QUICK } from "./helpers.mjs";

const add = (store) => store.addFile({ path: "/f/entry.bin", content: "noise:entry", length: 50_000, chunkSize: 16_384, replicas: [0, 1] });

export const entries = [
  {
    name: "an entry is opened without a request", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await add(store);
      await store.resetLog();
      const file = await kelp.openEntry(entry, { filer: store.filer });
      same(await store.requests(), [], "requests");
      same([file.name, file.size], ["entry.bin", 50_000], "name and size");
      const right = await help.content("noise:entry", 50_000);
      sameBytes(await file.bytes(), right);
      for (const filer of [new URL(store.filer), `${store.filer}/`]) sameBytes(await (await kelp.openEntry(entry, { filer })).bytes(), right);
    },
  },
  {
    // F134
    name: "a filer below a path is read there", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await add(store);
      const right = await help.content("noise:entry", 50_000);
      const asked = [];
      // A reverse proxy.
      const fetch = (url, init) => {
        asked.push(url);
        return globalThis.fetch(url.replace("https://proxy.test/files/", `${store.filer}/`), init);
      };
      for (const filer of ["https://proxy.test/files/", new URL("https://proxy.test/files")]) {
        sameBytes(await (await kelp.openFiler("https://proxy.test/files/f/entry.bin?x=y", { filer, fetch })).bytes(), right);
        sameBytes(await (await kelp.openEntry(entry, { filer, fetch })).bytes(), right);
      }
      ok(asked.every((url) => url.startsWith("https://proxy.test/files/")), "all requests are below the path");
      ok(asked.includes("https://proxy.test/files/f/entry.bin?x=y&metadata=true"), "the entry");
      ok(asked.some((url) => url.startsWith("https://proxy.test/files/?proxyChunkId=")), "the chunks");
      for (const url of ["https://proxy.test/f/entry.bin", "https://proxy.test/filesf", "https://other.test/files/f"]) {
        const error = await kelp.openFiler(url, { filer: "https://proxy.test/files/", fetch }).catch((error) => error);
        ok(error instanceof RangeError, `${url}: ${error}`);
      }
    },
  },
  {
    name: "an entry may be given as bytes", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await add(store);
      const file = await kelp.openEntry(new TextEncoder().encode(entry), { filer: store.filer });
      sameBytes(await file.bytes(), await help.content("noise:entry", 50_000));
    },
  },
  {
    name: "a function locates the chunks of an entry", cluster: null,
    async run(kelp, store, help) {
      const { entry, fileIds } = await add(store);
      await store.resetLog();
      const asked = [];
      const locate = async (fileId, { signal, refresh }) => {
        ok(signal instanceof AbortSignal, "locate gets a signal");
        asked.push([fileId, refresh]);
        return store.locateOn(1)(fileId);
      };
      const file = await kelp.openEntry(entry, { locate });
      sameBytes(await file.bytes(), await help.content("noise:entry", 50_000));
      same([...new Set((await store.requests()).map(({ server }) => server))], ["volume1"], "requested servers");
      same([...new Set(asked.map(([fileId]) => fileId))].sort(), [...fileIds].sort(), "chunks that were located");
      ok(asked.every(([, refresh]) => refresh === false), "nothing was to be refreshed");
    },
  },
  {
    name: "a function may return a location synchronously", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await add(store);
      const file = await kelp.openEntry(entry, { locate: store.locateOn(0) });
      sameBytes(await file.bytes(), await help.content("noise:entry", 50_000));
    },
  },
  {
    name: "after a failure a chunk is located again", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await add(store);
      await store.fault({ server: "volume0" }, { status: 404 });
      const locate = (fileId, { refresh }) => store.locateOn(refresh ? 1 : 0)(fileId);
      const file = await kelp.openEntry(entry, { locate, ...QUICK });
      sameBytes(await file.bytes(), await help.content("noise:entry", 50_000));
      ok(file.stats.relookups > 0, "relookups are counted");
    },
  },
  {
    name: "a failed locator is no_locations with its cause", cluster: null,
    async run(kelp, store) {
      const { entry } = await add(store);
      const reason = new Error("the master is down");
      const broken = [() => Promise.reject(reason), () => { throw reason; }];
      for (const locate of broken) {
        const error = await fails(kelp, "no_locations", (await kelp.openEntry(entry, { locate, ...QUICK })).bytes());
        ok(error.cause === reason, `the cause is ${error.cause}`);
        equal(error.retryable, true, "retryable");
      }
      await fails(kelp, "no_locations", (await kelp.openEntry(entry, { locate: () => ({ urls: [] }), ...QUICK })).bytes());
    },
  },
  {
    name: "inline content needs neither filer nor locator", cluster: "plain",
    async run(kelp, store, help) {
      for (const name of ["inline", "inline-size-0", "empty", "hole-only"]) {
        const { path, sha256 } = store.cases.find((each) => each.name === name);
        const file = await kelp.openEntry(await store.text(`${store.urlOf(path)}?metadata=true`));
        equal(await help.sha256(await file.bytes()), sha256, name);
      }
    },
  },
  {
    name: "text that is not an entry is an error", cluster: null,
    async run(kelp, store) {
      const { entry } = await add(store);
      const wrong = ["", "null", "[]", "not json", entry.slice(0, -20), entry.replace('"FileSize":50000', '"FileSize":-1'), entry.replace('"FileSize":50000', '"FileSize":"big"')];
      for (const text of wrong) await fails(kelp, "manifest", () => kelp.openEntry(text, { filer: store.filer }), text.slice(0, 40));
      await fails(kelp, "manifest", () => kelp.openEntry(new Uint8Array([0xff, 0xfe, 0]), { filer: store.filer }), "bytes that are not UTF-8");
    },
  },
  {
    // F125
    name: "an entry longer than 64 MiB is refused before it is read", cluster: null,
    async run(kelp, store) {
      const spaces = " ".repeat(2 ** 26 + 1);
      for (const entry of [spaces, new Uint8Array(2 ** 26 + 1)]) await fails(kelp, "limit", () => kelp.openEntry(entry, { filer: store.filer }));
    },
  },
  {
    name: "64-bit times of chunks are exact", cluster: null,
    async run(kelp, store, help) {
      const chunks = [2n, 1n].map((ns, i) => ({ content: `noise:${i}`, length: 1000, offset: 0, modifiedTsNs: 1795471475000000000n + ns }));
      const { url, entry, sha256 } = await store.addFile({ path: "/f/close.bin", chunks });
      for (const file of [await kelp.openFiler(url), await kelp.openEntry(entry, { filer: store.filer })]) {
        const bytes = await file.bytes();
        sameBytes(bytes, await help.content("noise:0", 1000));
        equal(await help.sha256(bytes), sha256, "sha256");
      }
    },
  },
];
