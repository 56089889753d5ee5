// The response if the bytes of a file cannot be read, and bodies that fail later.
import { equal, fails, ok, rejects, rejectsWith, same, sameBytes } from "./assert.mjs";
import { QUICK, readAll, until } from "./helpers.mjs";

const SIZE = 300_000;
const CHUNK = 100_000;
const SECRET = "s3cret-token";

/** A file of three chunks on one volume server, behind a token. */
async function stored(kelp, store, options = {}, more = {}) {
  const file = await store.addFile({ path: "/f/fault.bin", content: "noise:fault", length: SIZE, chunkSize: CHUNK, ...more });
  const opened = await kelp.openFiler(file.url, { locate: store.locateOn(0), token: () => SECRET, ...QUICK, ...options });
  await store.resetLog();
  return { ...file, opened };
}

const request = (headers = {}, init = {}) => new Request("http://app.example/fault", { headers, ...init });

/** Faults before the first byte, and the response to each. */
const BEFORE = {
  "is missing": [{ status: 404 }, 404, "Not Found", "not_found"],
  "requires another token": [{ status: 401 }, 403, "Forbidden", "unauthorized"],
  "is forbidden": [{ status: 403 }, 403, "Forbidden", "unauthorized"],
  "has a failing server": [{ status: 500 }, 502, "Bad Gateway", "http"],
  "has a busy server": [{ status: 503 }, 502, "Bad Gateway", "http"],
  "has a refusing server": [{ refuse: true }, 502, "Bad Gateway", "network"],
  "has a silent server": [{ latency: 60_000 }, 502, "Bad Gateway", "timeout"],
  "is empty": [{ end: 0 }, 502, "Bad Gateway", "short_body"],
  "is damaged": [{ corrupt: 5 }, 502, "Bad Gateway", "corrupt"],
};

export const problems = [
  ...Object.entries(BEFORE).map(([what, [action, status, title, code]]) => ({
    name: `a first chunk that ${what} is a ${status}`, cluster: null,
    async run(kelp, store) {
      const { opened, fileIds } = await stored(kelp, store, { verify: "strict", timeout: { headers: code === "timeout" ? 100 : 10_000 } });
      await store.fault({ server: "volume0", fileId: fileIds[1] }, action);
      const response = await opened.response(request({ range: `bytes=${CHUNK + 7}-` }));
      same([response.status, response.ok], [status, false], "status");
      const { headers } = response;
      equal(headers.get("content-type"), "application/problem+json", "Content-Type");
      equal(headers.get("cache-control"), "no-store", "Cache-Control");
      const ofTheFile = ["etag", "last-modified", "content-range", "content-disposition", "accept-ranges"];
      same(ofTheFile.filter((name) => headers.has(name)), [], "headers of the file");
      const text = await response.text();
      ok(!text.includes(SECRET) && !text.includes(new URL(store.volumes[0]).host), `no token and no host: ${text}`);
      const { detail, ...members } = JSON.parse(text);
      const retryable = ["http", "network", "timeout", "short_body"].includes(code);
      same(members, { type: "about:blank", title, status, code, retryable, chunk: fileIds[1], offset: CHUNK + 7 }, "problem");
      equal(detail, `chunk ${fileIds[1]} cannot be read: ${code}`, "detail");
      await until(async () => (await store.inFlight()) === 0, "nothing is in flight");
    },
  })),
  {
    name: "a hole at the start is a 502 with holes: error", cluster: null,
    async run(kelp, store) {
      const chunks = [{ content: "noise:a", length: 1000 }, { content: "noise:b", length: 1000, offset: 3000 }];
      const { url } = await store.addFile({ path: "/f/hole.bin", size: 4000, chunks });
      const response = await (await kelp.openFiler(url, { holes: "error" })).response(request({ range: "bytes=1000-" }));
      const { code, offset, chunk } = await response.json();
      same([response.status, code, offset, chunk], [502, "hole", 1000, undefined], "answer");
    },
  },
  {
    // F148
    name: "a problem names no server and no URL", cluster: null,
    async run(kelp, store) {
      await store.fault({ server: "filer" }, { status: 500 });
      const url = `${store.filer}/f/nothing.bin`;
      const { host } = new URL(url);
      const file = await kelp.openManifest({ size: 10, chunks: [{ urls: [url], offset: 0, size: 10 }] }, QUICK);
      const errors = [await fails(kelp, "http", file.bytes()), await fails(kelp, "http", kelp.openFiler(url, QUICK)), await fails(kelp, "http", kelp.openUrl(url, QUICK))];
      ok(errors.some(({ chunk }) => chunk?.includes(host)) && errors.some(({ message }) => message.includes(host)), "the errors name the server");
      for (const response of [await file.response(), ...errors.map(kelp.problem)]) {
        equal(response.status, 502, "status");
        const text = await response.text();
        ok(!text.includes(host) && !text.includes("/"+"/"), text);
        same([JSON.parse(text).code, JSON.parse(text).detail], ["http", "the file cannot be read: http"], "code and detail");
      }
      for (const error of [new Error("mine"), undefined, await fails(kelp, "closed", () => (file.close(), file.bytes()))]) {
        await rejectsWith(error, async () => kelp.problem(error));
      }
    },
  },
  {
    name: "after a failure a file can be answered again", cluster: null,
    async run(kelp, store, help) {
      const { opened } = await stored(kelp, store);
      const fault = await store.fault({ server: "volume0" }, { status: 404 });
      equal((await opened.response(request())).status, 404, "status");
      equal((await opened.response(request({}, { method: "HEAD" }))).status, 200, "status of HEAD");
      await fault.remove();
      const response = await opened.response(request());
      equal(response.status, 200, "status");
      sameBytes(new Uint8Array(await response.arrayBuffer()), await help.content("noise:fault", SIZE));
    },
  },
  ...Object.entries({
    "is missing": [{ status: 404 }, "not_found"],
    "is refused": [{ status: 401 }, "unauthorized"],
    "ends early, and cleanly": [{ end: 0 }, "short_body"],
    "breaks off": [{ cut: 0 }, "network"],
    "is damaged": [{ corrupt: 5 }, "corrupt"],
  }).map(([what, [action, code]]) => ({
    name: `a later chunk that ${what} breaks the body`, cluster: null,
    async run(kelp, store, help) {
      const { opened, fileIds } = await stored(kelp, store, { verify: "strict" });
      await store.fault({ server: "volume0", fileId: fileIds[1] }, action);
      const response = await opened.response(request());
      same([response.status, response.headers.get("content-length")], [200, String(SIZE)], "status and length");
      const { bytes, error } = await readAll(response.body);
      await fails(kelp, code, Promise.reject(error));
      equal(error.offset, CHUNK, "offset");
      sameBytes(bytes, (await help.content("noise:fault", SIZE)).subarray(0, CHUNK));
      await rejects(Error, (await opened.response(request())).arrayBuffer(), "all of the body");
      await until(async () => (await store.inFlight()) === 0, "nothing is in flight");
    },
  })),
  {
    name: "a failure after the first byte breaks the body", cluster: null,
    async run(kelp, store) {
      const { opened } = await stored(kelp, store, { timeout: { idle: 150 }, concurrency: 1 });
      await store.fault({ server: "volume0" }, { status: 500 });
      await store.fault({ server: "volume0", times: 1 }, { status: 200, body: "x".repeat(CHUNK), stall: 100 });
      const response = await opened.response(request());
      equal(response.status, 200, "status");
      const { bytes, error } = await readAll(response.body);
      await fails(kelp, "http", Promise.reject(error));
      same([bytes.length, error.offset], [100, 100], "bytes that came, and offset");
    },
  },
  {
    name: "an abort before the first byte rejects with its reason", cluster: null,
    async run(kelp, store) {
      const leaving = new AbortController();
      const { opened } = await stored(kelp, store, { signal: leaving.signal, concurrency: 1 });
      await store.fault({ server: "volume0" }, { latency: 60_000 });
      const ways = [
        ["the request's", (signal) => opened.response(request({}, { signal }))],
        ["the file's", () => opened.response(request())],
      ];
      for (const [whose, answer] of ways) {
        const controller = whose === "the file's" ? leaving : new AbortController();
        const answered = answer(controller.signal);
        answered.catch(() => {});
        await until(async () => (await store.inFlight()) > 0, "a request is in flight");
        const reason = new Error("enough");
        controller.abort(reason);
        await rejectsWith(reason, answered, `${whose} signal`);
        await until(async () => (await store.inFlight()) === 0, "nothing is in flight");
        await store.resetLog();
        await rejectsWith(reason, answer(controller.signal), `${whose} signal, aborted before`);
        same(await store.requests(), [], "requests");
      }
    },
  },
  {
    name: "an abort with a KelpError rejects with it", cluster: null,
    async run(kelp, store) {
      const { opened } = await stored(kelp, store);
      await store.fault({ server: "volume0" }, { status: 404 });
      const error = await fails(kelp, "not_found", opened.bytes());
      await rejectsWith(error, opened.response(request({}, { signal: AbortSignal.abort(error) })));
    },
  },
  {
    name: "a closed file rejects instead of answering", cluster: null,
    async run(kelp, store) {
      const { opened } = await stored(kelp, store);
      await store.fault({ server: "volume0" }, { latency: 60_000 });
      const answered = opened.response(request());
      answered.catch(() => {});
      await until(async () => (await store.inFlight()) > 0, "a request is in flight");
      opened.close();
      await fails(kelp, "closed", answered);
      await until(async () => (await store.inFlight()) === 0, "nothing is in flight");
      for (const method of ["GET", "HEAD"]) await fails(kelp, "closed", () => opened.response(request({}, { method })), method);
    },
  },
];
