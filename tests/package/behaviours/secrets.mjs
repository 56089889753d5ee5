// Tokens and headers: which servers get them, and that errors and events do not contain them.
import { equal, fails, ok, same, sameBytes } from "./assert.mjs";
import { QUICK, mentions } from "./helpers.mjs";

const PATH = "/d/auto.bin";

/** Options that read a captured file behind tokens, and the requests for tokens. */
function withTokens(store, events) {
  const asked = [];
  return {
    asked,
    filerToken: () => store.sign("filerRead", {}),
    token: async (fileId, origin) => {
      asked.push([fileId, origin]);
      return store.sign("read", { fid: fileId });
    },
    locate: store.locate, onEvent: (event) => events?.push(event), ...QUICK,
  };
}

export const secrets = [
  {
    name: "a file behind tokens is read with them", cluster: "jwt",
    async run(kelp, store, help) {
      for (const { path, sha256, size, ranges } of store.cases) {
        const { asked, ...options } = withTokens(store);
        const file = await kelp.openFiler(store.urlOf(path), options);
        equal(file.size, size, "size");
        equal(await help.sha256(await file.bytes()), sha256, path);
        for (const { start, end, sha256 } of ranges) equal(await help.sha256(await file.bytes({ start, end })), sha256, `${path} ${start}..${end}`);
        ok(asked.length > 0 && asked.every(([, origin]) => store.volumes.includes(origin)), `tokens were asked for: ${asked}`);
      }
    },
  },
  {
    name: "the token of a location is sent", cluster: "jwt",
    async run(kelp, store, help) {
      const { sha256, path } = store.cases.find((each) => each.path === PATH);
      const locate = async (fileId) => ({ ...(await store.locate(fileId)), token: await store.sign("read", { fid: fileId }) });
      const file = await kelp.openFiler(store.urlOf(path), { locate, filerToken: await store.sign("filerRead", {}) });
      equal(await help.sha256(await file.bytes()), sha256, "sha256");
    },
  },
  {
    // F18
    name: "a refused token is renewed once", cluster: "jwt",
    async run(kelp, store, help) {
      const { sha256, path } = store.cases.find((each) => each.path === PATH);
      const { asked, ...options } = withTokens(store);
      const stale = new Set();
      const token = async (fileId, origin) => {
        const first = !stale.has(fileId);
        stale.add(fileId);
        return first ? store.sign("read", { fid: fileId, exp: 5 }) : options.token(fileId, origin);
      };
      const file = await kelp.openFiler(store.urlOf(path), { ...options, token });
      equal(await help.sha256(await file.bytes()), sha256, "sha256");
      ok(asked.length > 0, "a second token was requested");
    },
  },
  {
    name: "without the right token the code is unauthorized", cluster: "jwt",
    async run(kelp, store) {
      const url = store.urlOf(PATH);
      await fails(kelp, "unauthorized", kelp.openFiler(url, QUICK), "no token for the entry");
      await fails(kelp, "unauthorized", kelp.openFiler(url, { ...QUICK, filerToken: "wrong" }), "a wrong token for the entry");
      const { asked, ...options } = withTokens(store);
      const file = await kelp.openFiler(url, { ...options, token: () => "wrong" });
      await store.resetLog();
      const error = await fails(kelp, "unauthorized", file.bytes());
      equal(error.retryable, false, "retryable");
      ok(error.attempts.every(({ status }) => status === 401), "statuses are listed");
      ok((await store.chunkRequests()).length <= 2 * 8, `${(await store.chunkRequests()).length} requests`);
    },
  },
  {
    // F20
    name: "a token function that throws is the cause of unauthorized", cluster: "jwt",
    async run(kelp, store) {
      const reason = new Error("signed out");
      const { asked, ...options } = withTokens(store);
      const file = await kelp.openFiler(store.urlOf(PATH), { ...options, token: () => { throw reason; } });
      const error = await fails(kelp, "unauthorized", file.bytes());
      ok(error.cause === reason, `the cause is ${error.cause}`);
      const opening = await fails(kelp, "unauthorized", kelp.openFiler(store.urlOf(PATH), { ...QUICK, filerToken: () => Promise.reject(reason) }));
      ok(opening.cause === reason, `the cause is ${opening.cause}`);
    },
  },
  {
    name: "no token is in an error or an event", cluster: "jwt",
    async run(kelp, store) {
      const events = [];
      const filerToken = await store.sign("filerRead", {});
      const { asked, ...options } = withTokens(store, events);
      const token = "secret-token-of-a-chunk";
      const file = await kelp.openFiler(store.urlOf(PATH), { ...options, filerToken, token: () => token });
      const errors = [
        await fails(kelp, "unauthorized", file.bytes()),
        await fails(kelp, "not_found", kelp.openFiler(store.urlOf("/d/nothing"), { ...options, filerToken })),
      ];
      await store.fault({ server: /^volume/ }, { refuse: true });
      errors.push(await fails(kelp, "network", file.bytes()));
      ok(events.length > 0, "there are events");
      for (const secret of [token, filerToken]) {
        for (const error of errors) ok(!mentions(error, secret), `${error.message} mentions a token`);
        for (const event of events) ok(!mentions(event, secret), `${JSON.stringify(event)} mentions a token`);
      }
      ok([...errors, ...events].every(({ chunk }) => !chunk?.includes("?")), "no chunk has a query");
    },
  },
  {
    name: "queries of URLs are removed from causes", cluster: null,
    async run(kelp, store) {
      const { url } = await store.addFile({ path: "/f/t.bin", content: "noise:t", length: 1000, chunkSize: 1000 });
      // As in Bun, in Deno, and in a platform that repeats the URL.
      const ways = {
        path: (at) => ({ path: at, code: "ECONNREFUSED" }),
        cause: (at) => ({ cause: new Error(`error sending request for url (${at}): refused`) }),
        message: (at) => ({ message: `cannot reach "${at}", nor ${at} again` }),
      };
      for (const [way, more] of Object.entries(ways)) {
        const fetch = async (at, init) => {
          if (!at.includes("jwt=")) return globalThis.fetch(at, init);
          throw Object.assign(new TypeError("fetch failed"), more(at));
        };
        const file = await kelp.openFiler(url, { fetch, locate: store.locateOn(0), token: () => "s3cret", ...QUICK });
        const error = await fails(kelp, "network", file.bytes());
        ok(error.cause instanceof Error, `${way}: there is a cause`);
        ok(!mentions(error, "s3cret"), `${way}: no token`);
        ok(mentions(error.cause, way === "message" ? "cannot reach" : "fetch failed"), `${way}: ${error.cause}`);
      }
      const reason = new TypeError("why not? Nobody knows: see http://example.com/help");
      const file = await kelp.openFiler(url, { fetch: (at, init) => (at.includes("jwt=") ? Promise.reject(reason) : fetch(at, init)), locate: store.locateOn(0), token: () => "s3cret", ...QUICK });
      ok((await fails(kelp, "network", file.bytes())).cause === reason, "a cause without a query is unchanged");
    },
  },
  {
    name: "headers go to the filer only", cluster: null,
    async run(kelp, store, help) {
      const { url } = await store.addFile({ path: "/f/h.bin", content: "noise:h", length: 50_000, chunkSize: 16_384, replicas: [0, 1] });
      const headers = { "X-Secret": "for the filer" };
      const right = await help.content("noise:h", 50_000);
      await store.resetLog();
      sameBytes(await (await kelp.openFiler(url, { headers })).bytes(), right);
      same(await seenBy(store), [["filer", "for the filer"]], "through the filer");
      await store.resetLog();
      sameBytes(await (await kelp.openFiler(url, { headers, locate: store.locateOn(0) })).bytes(), right);
      same(await seenBy(store), [["filer", "for the filer"], ["volume0", null]], "from a volume server");
    },
  },
  {
    // F16
    name: "a redirect does not send a token to another origin", cluster: null,
    async run(kelp, store) {
      const { url, fileIds } = await store.addFile({ path: "/f/r.bin", content: "noise:r", length: 1000, chunkSize: 1000, replicas: [0, 1] });
      await store.fault({ server: "volume0" }, { redirect: `${store.volumes[1]}/${fileIds[0]}` });
      const file = await kelp.openFiler(url, { locate: store.locateOn(0), token: () => "secret", ...QUICK });
      await file.bytes().catch(() => {});
      const elsewhere = (await store.requests()).filter(({ server }) => server === "volume1");
      ok(elsewhere.every((request) => !JSON.stringify(request).includes("secret")), "the other server saw no token");
    },
  },
];

/** The servers that got a request, each with the header. */
async function seenBy(store) {
  const pairs = (await store.requests()).map(({ server, headers }) => JSON.stringify([server, headers["x-secret"] ?? null]));
  return [...new Set(pairs)].sort().map((pair) => JSON.parse(pair));
}
