// Files whose content is only in remote storage, which only the filer can read.
import { equal, fails, ok, same, sameBytes } from "./assert.mjs";
import { QUICK, mentions } from "./helpers.mjs";

const PATH = "/f/far away?&#.bin";
const SIZE = 5 * 2 ** 20;
const RANGE = 4 * 2 ** 20;

const add = (store, path = PATH) => store.addFile({ path, remote: true, mime: "video/webm", content: "noise:far", length: SIZE });

/** The requests for the file itself. */
const reads = async (store) => (await store.requests()).filter(({ url }) => !url.includes("metadata=true"));

export const remotes = [
  {
    name: "a remote file is read in ranges of the filer's GET", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      const right = await help.content("noise:far", SIZE);
      const file = await kelp.openFiler(`${url}?tenant=7`, { headers: { "X-Tenant": "seven" } });
      same([file.size, file.type, file.name], [SIZE, "video/webm", PATH.slice(3)], "size, type and name");
      equal(file.plan().requests, 2, "requests planned");
      await store.resetLog();
      sameBytes(await file.bytes(), right);
      const requests = await reads(store);
      same(requests.map(({ range }) => range).sort(), [`bytes=0-${RANGE - 1}`, `bytes=${RANGE}-${SIZE - 1}`], "ranges");
      ok(requests.every(({ path, url, headers }) => path === PATH && url.endsWith("?tenant=7") && headers["x-tenant"] === "seven"), "path, query and headers");
      sameBytes(await file.bytes({ start: RANGE - 5, end: RANGE + 5 }), right.subarray(RANGE - 5, RANGE + 5), "a range");
    },
  },
  {
    name: "the entry of a remote file needs a filer", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await add(store);
      sameBytes(await (await kelp.openEntry(entry, { filer: store.filer })).bytes(), await help.content("noise:far", SIZE));
      await fails(kelp, "unsupported", kelp.openEntry(entry, { locate: store.locate }), "without a filer");
    },
  },
  {
    name: "a filer that is still fetching is asked again", cluster: null,
    async run(kelp, store, help) {
      const { url } = await add(store);
      await store.fault({ server: "filer", path: PATH, ranged: true, times: 1 }, { status: 503, headers: { "Retry-After": "5" } });
      const file = await kelp.openFiler(url, QUICK);
      sameBytes(await file.bytes(), await help.content("noise:far", SIZE));
      equal(file.stats.retries, 1, "retries");
    },
  },
  {
    name: "every range has the filer's token", cluster: "jwt",
    async run(kelp, store, help) {
      const { url } = await add(store);
      const right = await help.content("noise:far", SIZE);
      const tokens = [await store.sign("filerRead", {}), "stale", await store.sign("filerRead", {}), await store.sign("filerRead", {})];
      const events = [];
      let asked = 0;
      const filerToken = () => tokens[Math.min(asked++, tokens.length - 1)];
      const token = () => { throw new Error("that is for chunks"); };
      const file = await kelp.openFiler(url, { filerToken, token, concurrency: 1, onEvent: (event) => events.push(event) });
      sameBytes(await file.bytes(), right);
      equal(asked, 4, "calls for a token");
      ok((await reads(store)).every(({ url }) => url.includes("jwt=")), "each request carried one");
      ok(!events.some((event) => tokens.some((secret) => mentions(event, secret))), "no event contains one");
      const refused = await kelp.openFiler(url, { ...QUICK, filerToken: await store.sign("filerRead", {}) });
      await store.fault({ server: "filer", ranged: true }, { status: 401 });
      await fails(kelp, "unauthorized", refused.bytes());
    },
  },
  {
    name: "a remote file that changed is source_changed", cluster: null,
    async run(kelp, store) {
      const { url } = await add(store);
      // Pages can read these headers only if the server exposes them; SeaweedFS does not.
      await store.fault({ server: "filer" }, { headers: { "Access-Control-Expose-Headers": "*" } });
      const file = await kelp.openFiler(url, { ...QUICK, concurrency: 1 });
      await store.fault({ server: "filer", ranged: true, nth: 2 }, { headers: { Etag: '"another"', "Access-Control-Expose-Headers": "*" } });
      const error = await fails(kelp, "source_changed", file.bytes());
      equal(error.offset, RANGE, "offset");
    },
  },
];
