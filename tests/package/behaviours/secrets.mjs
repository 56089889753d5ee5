// Tokens and headers: which servers get them, and that errors and events do not contain them.
import { equal, fails, ok, same, sameBytes } from "./assert.mjs";
import { QUICK, mentions } from "./helpers.mjs";

const PATH = "/d/auto.bin";

/** Headers of which platforms remove the last one alone on a redirect. */
const KEYS = { "X-Api-Key": "s3cret", "CF-Access-Client-Secret": "s3cret", Authorization: "Bearer s3cret" };

/** A page does not see where a redirect leads. */
const PAGE = typeof document === "object";

/** Errors that contain the URL `at` in one field or another. */
const LEAKS = {
  message: (at) => new TypeError(`cannot reach "${at}", nor ${at} again`),
  "message in brackets": (at) => new TypeError(`cannot reach (${at}): refused`),
  "message after a relative URL": (at) => new TypeError(`cannot reach ${at.slice(at.indexOf("//"))}#s3cret`),
  path: (at) => Object.assign(new TypeError("fetch failed"), { path: at, code: "ECONNREFUSED" }),
  "any field": (at) => Object.assign(new TypeError("fetch failed"), { input: at, code: at, name: at, [Symbol("url")]: at, nested: { deep: [at] } }),
  stack: (at) => Object.assign(new TypeError("fetch failed"), { stack: `TypeError: ${at}` }),
  "a cause": (at) => new TypeError("fetch failed", { cause: new Error(`error sending request for url (${at}): refused`) }),
  "causes of causes": (at) => new TypeError("fetch failed", { cause: new Error("1", { cause: new Error("2", { cause: Object.assign(new Error(at), { at }) }) }) }),
  "an AggregateError": (at) => new TypeError("fetch failed", { cause: new AggregateError([new Error(at), Object.assign(new Error("b"), { at })], "") }),
  "an inherited field": (at) => Object.setPrototypeOf(new TypeError("fetch failed"), Object.create(Error.prototype, { url: { value: at }, cause: { value: { message: at } } })),
  "a getter": (at) => Object.defineProperty(new TypeError("fetch failed"), "request", { get: () => ({ url: at }) }),
  "getters that throw": (at) => Object.defineProperties(new TypeError("fetch failed"), { cause: { get() { throw new Error(at); } }, code: { get() { throw at; } } }),
  "a class": (at) => new (class extends Error { get url() { return at; } toString() { return at; } })("fetch failed"),
  "a proxy": (at) => new Proxy(new Error("fetch failed"), { get: (error, name) => (name === "message" ? error.message : at) }),
  "a string": (at) => `cannot reach ${at}`,
  "an object": (at) => ({ message: "fetch failed", url: at, toString: () => at }),
};

/** Whether a text is in any field of a value: own and inherited, nested, of any name, and what getters give. */
function holds(value, text, seen = new Set()) {
  if (typeof value === "string") return value.includes(text);
  if (value === null || !["object", "function"].includes(typeof value) || seen.has(value)) return false;
  seen.add(value);
  for (let owner = value; owner !== null && owner !== Object.prototype && owner !== Function.prototype; owner = Object.getPrototypeOf(owner)) {
    for (const name of Reflect.ownKeys(owner)) {
      if (String(name).includes(text)) return true;
      try {
        if (holds(value[name], text, seen)) return true;
      } catch {
        // Such as "caller" of a function.
      }
    }
  }
  return false;
}

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
    // F145
    name: "no field of an error of fetch is handed out", cluster: null,
    async run(kelp, store) {
      const { url } = await store.addFile({ path: "/f/t.bin", content: "noise:t", length: 1000, chunkSize: 1000 });
      for (const [way, make] of Object.entries(LEAKS)) {
        const leaks = {
          "of fetch": (at) => Promise.reject(make(at)),
          "of a body": (at) => new Response(new ReadableStream({ pull: (controller) => controller.error(make(at)) })),
        };
        for (const [where, leak] of Object.entries(leaks)) {
          const fetch = async (at, init) => (at.includes("jwt=") ? leak(at) : globalThis.fetch(at, init));
          const file = await kelp.openFiler(url, { fetch, locate: store.locateOn(0), token: () => "s3cret", ...QUICK });
          const error = await fails(kelp, "network", file.bytes(), way);
          ok(error.cause instanceof Error, `${way} ${where}: there is a cause`);
          ok(!holds(error, "s3cret"), `${way} ${where}: no token`);
          ok(/^(fetch failed|cannot reach|$)/.test(error.cause.message), `${way} ${where}: ${error.cause.message}`);
          same(Object.keys(error.cause), error.cause.code === undefined ? [] : ["code"], `${way} ${where}: fields of the cause`);
        }
      }
      const fetch = (at, init) => (at.includes("jwt=") ? Promise.reject(Object.assign(new Error("reset", { cause: new Error("by peer") }), { code: "ECONNRESET" })) : globalThis.fetch(at, init));
      const file = await kelp.openFiler(url, { fetch, locate: store.locateOn(0), token: () => "s3cret", ...QUICK });
      const { cause } = await fails(kelp, "network", file.bytes());
      same([cause.message, cause.code], ["reset: by peer", "ECONNRESET"], "messages and code");
    },
  },
  {
    // F145
    name: "a malformed redirect discloses nothing of itself", cluster: null,
    async run(kelp, store) {
      const { url } = await store.addFile({ path: "/f/m.bin", content: "noise:m", length: 1000, chunkSize: 1000 });
      for (const redirect of ["http://[bad/?sig=s3cret", "http://%zz/?sig=s3cret", "//[x?s3cret#s3cret", "http://u:s3cret@127.0.0.1:1/", "ftp://h/?s3cret", "http://127.0.0.1:1/?sig=s3cret"]) {
        const fault = await store.fault({ server: "filer" }, { redirect });
        for (const headers of [undefined, { "X-Api-Key": "k3y" }]) {
          const error = await fails(kelp, "network", kelp.openUrl(url, { headers, ...QUICK }), redirect);
          ok(!holds(error, "s3cret") && !holds(error, "k3y"), `${redirect}: ${error.cause}`);
        }
        await fault.remove();
      }
    },
  },
  {
    name: "a header that cannot be sent is not repeated", cluster: null,
    async run(kelp, store) {
      for (const headers of [{ "X-Api-Key": "s3cret\u2028" }, { "X-Api-Key": "s3cret\r\nX: y" }, [["s3cret\n", "y"]]]) {
        const error = await kelp.openUrl(store.urlOf("/f/m.bin"), { headers }).catch((error) => error);
        ok(error instanceof TypeError && !holds(error, "s3cret"), `${error}`);
      }
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
    // F144
    name: "a redirect does not send headers to another origin", cluster: null,
    async run(kelp, store, help) {
      const { url, fileIds: [chunk] } = await store.addFile({ path: "/f/r.bin", content: "noise:r", length: 50_000, chunkSize: 50_000, replicas: [0, 1] });
      const right = await help.content("noise:r", 50_000);
      const elsewhere = `${store.volumes[1]}/${chunk}`;
      // Each request that carries headers: of a URL, of an entry, and of a chunk that the filer relays.
      const ways = {
        openUrl: [{ path: "/f/r.bin" }, elsewhere, (options) => kelp.openUrl(url, { chunkSize: 20_000, ...options })],
        entry: [{ path: "/f/r.bin" }, `${store.volumes[1]}/?metadata=true`, (options) => kelp.openFiler(url, options)],
        chunk: [{ fileId: chunk }, elsewhere, (options) => kelp.openFiler(url, options)],
      };
      for (const [way, [match, redirect, open]] of Object.entries(ways)) {
        const fault = await store.fault({ server: "filer", ...match }, { redirect });
        await store.resetLog();
        const read = open({ headers: KEYS, ...QUICK }).then((file) => file.bytes());
        if (way === "entry" || PAGE) await read.catch((error) => ok(error instanceof kelp.KelpError, `${way}: ${error}`));
        else sameBytes(await read, right, way);
        await fault.remove();
        const requests = await store.requests();
        ok(requests.some(({ server, headers }) => server === "filer" && headers["x-api-key"] === "s3cret"), `${way}: the filer gets them`);
        ok(!JSON.stringify(requests.filter(({ server }) => server !== "filer")).includes("s3cret"), `${way}: no other server gets any`);
        ok(PAGE || requests.some(({ server }) => server === "volume1"), `${way}: the redirect was followed`);
      }
    },
  },
  {
    // F144
    name: "headers follow a redirect within their origin only", cluster: null, needs: "readable redirects",
    async run(kelp, store, help) {
      const { url } = await store.addFile({ path: "/f/a.bin", content: "noise:a", length: 1000, chunkSize: 1000 });
      const { url: back } = await store.addFile({ path: "/f/b.bin", content: "noise:a", length: 1000, chunkSize: 1000 });
      const right = await help.content("noise:a", 1000);
      const seen = async () => (await store.requests()).map(({ server, path, headers }) => [server, path, headers["x-api-key"] ?? null]);
      await store.fault({ server: "filer", path: "/f/a.bin" }, { redirect: "b.bin#part" });
      const file = await kelp.openUrl(url, { headers: KEYS });
      sameBytes(await file.bytes(), right);
      const within = ["filer", "/f/b.bin", "s3cret"];
      same(await seen(), [["filer", "/f/a.bin", "s3cret"], within, within], "within");
      await store.fault({ server: "filer", path: "/f/a.bin" }, { redirect: `${store.volumes[0]}/out` });
      await store.fault({ server: "volume0" }, { redirect: back });
      await store.resetLog();
      sameBytes(await (await kelp.openUrl(url, { headers: KEYS, size: 1000 })).bytes(), right);
      same(await seen(), [["filer", "/f/a.bin", "s3cret"], ["volume0", "/out", null], ["filer", "/f/b.bin", null]], "out and back");
      await store.fault({ server: "filer", path: "/f/b.bin" }, { redirect: url });
      const error = await fails(kelp, "network", kelp.openUrl(url, { headers: KEYS, retry: { passes: 1 } }));
      ok(error.cause.message.includes("more than 20 times"), `${error.cause}`);
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
