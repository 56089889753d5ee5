// Faults of servers, and how the stream continues.
import { equal, fails, ok, same, sameBytes } from "./assert.mjs";
import { QUICK, readAll, until } from "./helpers.mjs";

const IN_A_PAGE = typeof globalThis.location === "object";
const SIZE = 300_000;
const CHUNK = 100_000;

/** A file of three chunks on two volume servers, located on both. No hedges: a busy machine would cause some. */
async function replicated(kelp, store, options = {}, more = {}) {
  const file = await store.addFile({ path: "/f/fault.bin", content: "noise:fault", length: SIZE, chunkSize: CHUNK, replicas: [0, 1], ...more });
  const opened = await kelp.openFiler(file.url, { locate: store.locateOn(0, 1), hedge: false, ...QUICK, ...options });
  await store.resetLog();
  return { ...file, opened };
}

const right = (help) => help.content("noise:fault", SIZE);

/** Faults of one replica for which the other is used. */
const HEALED = {
  // F01
  "refuses the connection": { refuse: true },
  "answers 500": { status: 500 },
  "answers 503 and asks for an hour": { status: 503, headers: { "Retry-After": "3600" } },
  // F23
  "answers 404": { status: 404 },
  // F22
  "answers 403": { status: 403 },
  // F25
  "answers 416": { status: 416 },
  // F31
  "answers 204": { status: 204 },
  // F31
  "answers 205": { status: 205 },
  // F31
  "answers 304": { status: 304 },
  // F17
  "redirects in a circle": { redirect: "/round" },
  // F04
  "sends no CORS headers": { noCors: true },
  "cuts the body before its first byte": { cut: 0 },
  "cuts the body before its last byte": { cut: CHUNK - 1 },
  // F36
  "ends the body early": { end: CHUNK / 2 },
  // F38
  "ends the body before its first byte": { end: 0 },
};

/** The same with verify: strict. */
const HEALED_IF_STRICT = {
  // F33
  "answers 200 with a login page": { status: 200, body: "<h1>Please log in</h1>" },
  // F50
  "has a flipped bit": { corrupt: 5 },
  // F50
  "has another body of the same length": { body: "x".repeat(CHUNK), status: 200 },
};

export const faults = [
  ...[...Object.entries(HEALED), ...Object.entries(HEALED_IF_STRICT)].map(([what, action]) => ({
    name: `a replica that ${what} is replaced`, cluster: null,
    async run(kelp, store, help) {
      const { opened } = await replicated(kelp, store, what in HEALED ? {} : { verify: "strict" });
      const fault = await store.fault({ server: "volume0" }, action);
      sameBytes(await opened.bytes(), await right(help));
      ok((await fault.hits()) > 0, "the fault was met");
      // Node has no CORS.
      if (what !== "sends no CORS headers") ok(opened.stats.failovers > 0, "failovers are counted");
    },
  })),
  {
    // F37, F142
    name: "a replica that adds bytes after the data is read if its digest is right", cluster: null,
    async run(kelp, store, help) {
      const { opened } = await replicated(kelp, store);
      const fault = await store.fault({ server: /^volume/ }, { extra: 100 });
      sameBytes(await opened.bytes(), await right(help));
      ok((await fault.hits()) > 0, "the fault was met");
      equal(opened.stats.failovers, 0, "failovers");
    },
  },
  ...[[1, 503, {}], [2, 429, { "Retry-After": "0" }], [3, 503, { "Retry-After": "1" }]].map(([above, status, headers]) => ({
    // F138
    name: `a server that serves ${above} at a time and answers ${status} is read to its end`, cluster: null,
    async run(kelp, store, help) {
      const length = 8 << 20;
      const { url } = await store.addFile({ path: "/f/busy.bin", content: "noise:busy", length, chunkSize: 128 << 10 });
      const fault = await store.fault({ server: "filer", method: "GET" }, { above, status, headers, latency: 10 });
      const file = await kelp.openUrl(url, { chunkSize: 128 << 10 });
      sameBytes(await file.bytes(), await help.content("noise:busy", length));
      ok((await fault.hits()) > 64, "the fault was met");
      ok((await store.requests()).some((request) => request.status === status), "some were refused");
    },
  })),
  {
    name: "a bad chunk found before delivery is replaced", cluster: null,
    async run(kelp, store, help) {
      const { opened, fileIds } = await replicated(kelp, store, { concurrency: 64 });
      // The first chunk comes last: the others have arrived then.
      await store.fault({ fileId: fileIds[0], times: 1 }, { latency: 300 });
      // Whichever replica is requested first.
      for (const fileId of fileIds.slice(1)) await store.fault({ fileId, times: 1 }, { corrupt: 5 });
      sameBytes(await opened.bytes(), await right(help));
      ok(opened.stats.failovers >= 2, "failovers are counted");
    },
  },
  {
    // F39
    name: "after timeout.idle a stalled body is resumed elsewhere", cluster: null,
    async run(kelp, store, help) {
      const { opened } = await replicated(kelp, store, { timeout: { idle: 150 } });
      await store.fault({ server: "volume0" }, { stall: 1000 });
      sameBytes(await opened.bytes(), await right(help));
      await until(async () => (await store.inFlight()) === 0, "no stalled request is left behind");
      ok((await store.chunkRequests()).filter(({ server }) => server === "volume0").every(({ state }) => state === "aborted"), "they were aborted");
    },
  },
  {
    name: "after timeout.headers another replica is requested", cluster: null,
    async run(kelp, store, help) {
      const { opened } = await replicated(kelp, store, { timeout: { headers: 150 } });
      await store.fault({ server: "volume0" }, { latency: 60_000 });
      sameBytes(await opened.bytes(), await right(help));
      await until(async () => (await store.inFlight()) === 0, "no request is left behind");
    },
  },
  {
    name: "if no replica responds in time the code is timeout", cluster: null,
    async run(kelp, store) {
      const { opened } = await replicated(kelp, store, { timeout: { headers: 500, idle: 500 } });
      await store.fault({ server: "volume0" }, { latency: 60_000 });
      await store.fault({ server: "volume1" }, { stall: 0 });
      const error = await fails(kelp, "timeout", opened.bytes());
      same([error.retryable, error.offset], [true, 0], "retryable and offset");
      await until(async () => (await store.inFlight()) === 0, "nothing is in flight");
    },
  },
  {
    // F41
    name: "a slow reader is not a stalled server", cluster: null,
    async run(kelp, store, help) {
      const { opened } = await replicated(kelp, store, { timeout: { idle: 100 }, concurrency: 1 });
      const reader = opened.stream().getReader();
      const pieces = [];
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        pieces.push(...next.value);
        if (pieces.length === next.value.length) await new Promise((wake) => setTimeout(wake, 300));
      }
      sameBytes(Uint8Array.from(pieces), await right(help));
      same([opened.stats.failovers, opened.stats.retries], [0, 0], "failovers and retries");
    },
  },
  {
    // F35
    name: "a cut plain body is resumed by a range elsewhere", cluster: null,
    async run(kelp, store, help) {
      const { opened, fileIds } = await replicated(kelp, store, { concurrency: 1 }, { chunkSize: SIZE });
      // Slowly, so that the bytes arrive before the connection breaks.
      await store.fault({ server: "volume0" }, { rate: 500_000, cut: 120_000 });
      sameBytes(await opened.bytes(), await right(help));
      const requests = await store.chunkRequests();
      same(requests.map(({ server, fileId }) => [server, fileId]), [["volume0", fileIds[0]], ["volume1", fileIds[0]]], "requests");
      const [, from] = /^bytes=(\d+)-/.exec(requests[1].range) ?? [];
      ok(Number(from) > 0 && Number(from) <= 120_000, `the second one asks for ${requests[1].range}`);
      equal(opened.stats.failovers, 1, "failovers");
    },
  },
  {
    // F35
    name: "a cut encrypted chunk is fetched whole elsewhere", cluster: null,
    async run(kelp, store, help) {
      const { opened } = await replicated(kelp, store, { concurrency: 1 }, { cipher: true });
      await store.fault({ server: "volume0" }, { cut: 50_000 });
      sameBytes(await opened.bytes(), await right(help));
    },
  },
  {
    // F48
    name: "a gzip chunk is never requested in ranges", cluster: null,
    async run(kelp, store, help) {
      const { opened } = await replicated(kelp, store, {}, { content: "prose:gz", gzip: true });
      await store.fault({ server: "volume0" }, { cut: 500 });
      const all = await help.content("prose:gz", SIZE);
      sameBytes(await opened.bytes(), all);
      sameBytes(await opened.bytes({ start: 150_000, end: 150_010 }), all.subarray(150_000, 150_010));
      ok((await store.chunkRequests()).every(({ range }) => range === null), "no request has a Range");
    },
  },
  {
    name: "a part of a plain chunk is requested as a range", cluster: null,
    async run(kelp, store, help) {
      const { opened } = await replicated(kelp, store);
      sameBytes(await opened.bytes({ start: 50_000, end: 120_000 }), (await right(help)).subarray(50_000, 120_000));
      same((await store.chunkRequests()).map(({ range }) => range).sort(), ["bytes=0-19999", "bytes=50000-99999"], "ranges");
    },
  },
  {
    // F42
    name: "a 200 to the range of a view is cut", cluster: null,
    async run(kelp, store, help) {
      const { opened } = await replicated(kelp, store);
      await store.fault({}, { ignoreRange: true });
      sameBytes(await opened.bytes({ start: 50_000, end: 120_000 }), (await right(help)).subarray(50_000, 120_000));
    },
  },
  {
    // F43
    name: "a wrong Content-Range is refused", cluster: null,
    async run(kelp, store, help) {
      // Through the filer, whose headers pages can read.
      const { url } = await replicated(kelp, store);
      const file = await kelp.openFiler(url, QUICK);
      const fault = await store.fault({ server: "filer" }, { contentRange: "bytes 50001-99999/100000" });
      await fails(kelp, "range", file.bytes({ start: 50_000, end: 100_000 }));
      await fault.remove();
      await store.fault({ server: "filer", times: 1 }, { contentRange: "bytes 50001-99999/100000" });
      sameBytes(await file.bytes({ start: 50_000, end: 100_000 }), (await right(help)).subarray(50_000, 100_000));
    },
  },
  {
    // F13
    name: "if every replica is dead the code is network", cluster: null,
    async run(kelp, store) {
      const { opened, fileIds } = await replicated(kelp, store);
      await store.killVolume(0);
      await store.killVolume(1);
      const error = await fails(kelp, "network", opened.bytes());
      same([error.retryable, error.offset, error.chunk], [true, 0, fileIds[0]], "retryable, offset and chunk");
      const hosts = [0, 1].map((index) => new URL(store.volumes[index]).host);
      same([...new Set(error.attempts.map(({ host }) => host))].sort(), hosts.sort(), "hosts");
      equal(error.attempts.length, 4, "attempts: two passes over two replicas");
      ok(error.attempts.every(({ reason }) => typeof reason === "string" && reason !== ""), "each has a reason");
    },
  },
  {
    // F03
    name: "a replica without TLS is never requested over http", cluster: null,
    async run(kelp, store, help) {
      const locate = (fileId) => ({ urls: [`${store.volumes[0].replace("http:", "https:")}/${fileId}`, `${store.volumes[1]}/${fileId}`] });
      const { opened } = await replicated(kelp, store, { locate });
      sameBytes(await opened.bytes(), await right(help));
      ok(opened.stats.failovers > 0, "it was tried");
      ok((await store.requests()).every(({ server }) => server === "volume1"), "requests at the other one only");
    },
  },
  {
    name: "not_found needs a 404 of every replica", cluster: null,
    async run(kelp, store) {
      const { opened } = await replicated(kelp, store);
      await store.fault({ server: "volume0" }, { status: 404 });
      const second = await store.fault({ server: "volume1" }, { status: 404 });
      const error = await fails(kelp, "not_found", opened.bytes());
      ok(error.attempts.every(({ status }) => status === 404), "statuses are listed");
      await second.remove();
      await store.fault({ server: "volume1" }, { status: 502 });
      equal((await fails(kelp, "http", opened.bytes())).retryable, true, "retryable");
    },
  },
  {
    // F29
    name: "each replica is tried retry.passes times", cluster: null,
    async run(kelp, store) {
      for (const passes of [1, 3]) {
        const { opened } = await replicated(kelp, store, { retry: { passes, baseDelay: 1, maxDelay: 5 }, concurrency: 1 });
        const fault = await store.fault({ server: /^volume/ }, { status: 500 });
        await fails(kelp, "http", opened.bytes());
        equal(await fault.hits(), 2 * passes, `requests of ${passes} passes`);
        await fault.remove();
      }
    },
  },
  {
    name: "a failed request for an entry is retried", cluster: null,
    async run(kelp, store, help) {
      const { url, path } = await replicated(kelp, store);
      for (const action of [{ status: 503 }, { refuse: true }, { cut: 50 }]) {
        const once = await store.fault({ path, times: 1 }, action);
        sameBytes(await (await kelp.openFiler(url, QUICK)).bytes({ end: 10 }), (await right(help)).subarray(0, 10), JSON.stringify(action));
        equal(await once.hits(), 1, "the fault was met");
        await once.remove();
      }
      const ends = [[{ status: 503 }, "http"], [{ refuse: true }, "network"], [{ latency: 60_000 }, "timeout"], [{ stall: 50 }, "timeout"]];
      for (const [action, code] of ends) {
        const fault = await store.fault({ path }, action);
        const timeout = code === "timeout" ? { headers: 50, idle: 50 } : {};
        const error = await fails(kelp, code, kelp.openFiler(url, { ...QUICK, timeout }), JSON.stringify(action));
        equal(error.retryable, true, "retryable");
        ok(error.attempts.every(({ host }) => host === new URL(url).host), "the host is listed");
        await fault.remove();
      }
      await until(async () => (await store.inFlight()) === 0, "nothing is in flight");
    },
  },
  {
    name: "Retry-After is respected", cluster: null,
    async run(kelp, store, help) {
      const { url, fileIds } = await replicated(kelp, store);
      const file = await kelp.openFiler(url, { retry: { baseDelay: 1, maxDelay: 5000 } });
      await store.fault({ fileId: fileIds[0], times: 1 }, { status: 503, headers: { "Retry-After": "1" } });
      sameBytes(await file.bytes({ end: 1000 }), (await right(help)).subarray(0, 1000));
      const [busy, again] = await store.chunkRequests();
      ok(again.at - busy.at >= 1000, `asked again after ${again.at - busy.at} ms`);
    },
  },
  {
    // F28
    name: "Retry-After is bounded by retry.maxDelay", cluster: null,
    async run(kelp, store, help) {
      const { url } = await replicated(kelp, store);
      const file = await kelp.openFiler(url, { retry: { baseDelay: 1, maxDelay: 30 } });
      const fault = await store.fault({ path: /proxyChunkId/, times: 2 }, { status: 503, headers: { "Retry-After": "3600" } });
      sameBytes(await file.bytes(), await right(help));
      equal(await fault.hits(), 2, "busy answers");
    },
  },
  {
    // F16
    name: "a redirect to another server is followed", cluster: null,
    async run(kelp, store, help) {
      const { opened, fileIds } = await replicated(kelp, store);
      await store.fault({ server: "volume0", fileId: fileIds[1] }, { redirect: `${store.volumes[1]}/${fileIds[1]}` });
      sameBytes(await opened.bytes(), await right(help));
    },
  },
  {
    // F123
    name: "origins: no redirect leads to another origin", cluster: null,
    async run(kelp, store, help) {
      const { url, fileIds } = await replicated(kelp, store);
      await store.fault({ server: "volume0", fileId: fileIds[1] }, { redirect: `${store.volumes[1]}/${fileIds[1]}?secret` });
      const locate = store.locateOn(0);
      const read = async (origins) => (await kelp.openFiler(url, { locate, origins, retry: { passes: 2, baseDelay: 1 } })).bytes();
      const error = await fails(kelp, "unsupported", read([store.filer, store.volumes[0]]));
      ok(!error.retryable && !JSON.stringify(error).includes("secret") && !error.message.includes("secret"), error.message);
      equal((await store.requests()).filter(({ server }) => server === "volume1").length, 0, "requests to the other origin");
      // A page does not see where a redirect leads, so it follows none.
      if (IN_A_PAGE) return;
      ok(error.message.includes(store.volumes[1]), error.message);
      sameBytes(await read([store.filer, ...store.volumes.map((volume) => new URL("/any?path", volume))]), await right(help));
    },
  },
  {
    // F123
    name: "origins: a redirect to what no list can have is refused", cluster: null,
    async run(kelp, store) {
      const { url, fileIds } = await replicated(kelp, store);
      const origins = [store.filer, ...store.volumes];
      const withUser = new URL(`${store.volumes[1]}/${fileIds[1]}`);
      withUser.username = "secret";
      // A browser shows a page no redirect to what it cannot parse: the request fails.
      for (const redirect of [...(IN_A_PAGE ? [] : ["http://[/?secret"]), withUser.href, "ftp://h/?secret"]) {
        const fault = await store.fault({ server: "volume0", fileId: fileIds[1] }, { redirect });
        const file = await kelp.openFiler(url, { locate: store.locateOn(0), origins, retry: { passes: 1 } });
        const error = await fails(kelp, "unsupported", file.bytes(), redirect);
        ok(!error.message.includes("secret"), error.message);
        await fault.remove();
      }
    },
  },
  {
    // F203
    name: "origins: a redirect of a request with headers is refused", cluster: null,
    async run(kelp, store) {
      const { url } = await store.addFile({ path: "/f/k.bin", content: "noise:k", length: 1000, chunkSize: 1000 });
      const options = { headers: { "X-Api-Key": "secret" }, origins: [store.filer], retry: { passes: 2, baseDelay: 1 } };
      for (const redirect of [`${store.volumes[1]}/k?secret`, "ftp://h/?secret"]) {
        const fault = await store.fault({ server: "filer", path: "/f/k.bin" }, { redirect });
        for (const open of [kelp.openUrl, kelp.openFiler]) {
          const error = await fails(kelp, "unsupported", open(url, options), redirect);
          equal(error.attempts.length, 1, "attempts");
          ok(!error.message.includes("secret"), error.message);
        }
        await fault.remove();
      }
      equal((await store.requests()).filter(({ server }) => server !== "filer").length, 0, "requests to the other origin");
    },
  },
  {
    // F123
    name: "origins: no request goes to another origin", cluster: null,
    async run(kelp, store) {
      const { url } = await replicated(kelp, store);
      await store.resetLog();
      const elsewhere = [store.volumes[1]];
      for (const open of [
        () => kelp.openFiler(url, { origins: elsewhere }),
        () => kelp.openUrl(url, { origins: elsewhere }),
        async () => (await kelp.openManifest({ size: 5, chunks: [{ urls: [`${store.filer}/x?secret`], offset: 0, size: 5 }] }, { origins: elsewhere })).bytes(),
      ]) {
        const error = await fails(kelp, "unsupported", open());
        ok(error.message.includes(new URL(store.filer).origin) && !error.message.includes("secret"), error.message);
      }
      equal((await store.requests()).length, 0, "requests");
    },
  },
  {
    name: "bytes before a failure are delivered; offset is after them", cluster: null,
    async run(kelp, store, help) {
      const { opened, fileIds } = await replicated(kelp, store);
      await store.fault({ fileId: fileIds[2] }, { status: 500 });
      const { bytes, error } = await readAll(opened.stream({ start: 1000 }));
      await fails(kelp, "http", Promise.reject(error));
      same([error.offset, error.chunk], [2 * CHUNK, fileIds[2]], "offset and chunk");
      sameBytes(bytes, (await right(help)).subarray(1000, 2 * CHUNK));
    },
  },
  {
    name: "with verify strict no byte of a bad chunk is delivered", cluster: null,
    async run(kelp, store, help) {
      const { opened, fileIds } = await replicated(kelp, store, { verify: "strict" });
      await store.fault({ fileId: fileIds[1] }, { corrupt: CHUNK - 1 });
      for (const start of [0, 120_000]) {
        const { bytes, error } = await readAll(opened.stream({ start }));
        await fails(kelp, "corrupt", Promise.reject(error));
        equal(error.offset, Math.max(start, CHUNK), "offset");
        sameBytes(bytes, (await right(help)).subarray(start, Math.max(start, CHUNK)));
      }
      ok((await store.chunkRequests()).every(({ range }) => range === null), "chunks are fetched whole");
    },
  },
  {
    name: "verify stream fails on a bad chunk, off delivers it", cluster: null,
    async run(kelp, store, help) {
      const { opened, url, fileIds } = await replicated(kelp, store);
      await store.fault({ fileId: fileIds[0] }, { corrupt: 7 });
      const { bytes, error } = await readAll(opened.stream());
      await fails(kelp, "corrupt", Promise.reject(error));
      ok(bytes.length <= CHUNK, `${bytes.length} bytes delivered`);
      const wrong = Uint8Array.from(await right(help));
      wrong[7] ^= 1;
      sameBytes(await (await kelp.openFiler(url, { verify: "off" })).bytes(), wrong);
      sameBytes(await opened.bytes({ start: 1, end: CHUNK }), wrong.subarray(1, CHUNK), "a part of a chunk cannot be checked");
    },
  },
  {
    // F54
    name: "an encrypted chunk is always verified", cluster: null,
    async run(kelp, store) {
      for (const verify of ["stream", "strict", "off"]) {
        const { opened, fileIds } = await replicated(kelp, store, { verify }, { cipher: true });
        const fault = await store.fault({ fileId: fileIds[0] }, { corrupt: 90_000 });
        const { bytes, error } = await readAll(opened.stream({ start: 10, end: 20 }));
        await fails(kelp, "corrupt", Promise.reject(error), verify);
        equal(bytes.length, 0, "bytes delivered");
        await fault.remove();
      }
    },
  },
  {
    // F82
    name: "holes are an error with holes: error", cluster: null,
    async run(kelp, store, help) {
      const chunks = [{ content: "noise:a", length: 1000 }, { content: "noise:b", length: 1000, offset: 3000 }];
      const { url } = await store.addFile({ path: "/f/hole.bin", size: 5000, chunks });
      const file = await kelp.openFiler(url, { holes: "error" });
      const { bytes, error } = await readAll(file.stream());
      await fails(kelp, "hole", Promise.reject(error));
      same([error.offset, error.retryable], [1000, false], "offset and retryable");
      sameBytes(bytes, await help.content("noise:a", 1000));
      sameBytes(await file.bytes({ start: 3000, end: 4000 }), await help.content("noise:b", 1000), "a range without holes");
      equal((await fails(kelp, "hole", file.bytes({ start: 3500 }))).offset, 4000, "offset of the hole at the end");
    },
  },
  {
    name: "the fetch option is used for every request", cluster: null,
    async run(kelp, store, help) {
      const { url } = await replicated(kelp, store);
      const seen = [];
      const own = (input, init) => {
        seen.push(new Request(input, { signal: undefined, ...init }).url);
        return fetch(input, init);
      };
      const file = await kelp.openFiler(url, { fetch: own });
      sameBytes(await file.bytes(), await right(help));
      equal(seen.length, 4, "requests");
      ok(seen[0].includes("metadata=true") && seen.slice(1).every((each) => each.includes("proxyChunkId=")), seen.join(" "));
      const broken = await kelp.openFiler(url, { fetch: (input, init) => (String(input.url ?? input).includes("proxyChunkId") ? Promise.reject(new TypeError("offline")) : fetch(input, init)), ...QUICK });
      await fails(kelp, "network", broken.bytes());
    },
  },
  {
    // F34
    name: "an opaque response is a network error", cluster: null,
    async run(kelp, store) {
      const { url } = await replicated(kelp, store);
      const blind = [async () => Response.error()];
      // Only pages get opaque responses.
      if (globalThis.document) blind.push((input, init) => fetch(input, { ...init, mode: "no-cors" }));
      for (const fetch of blind) {
        const error = await fails(kelp, "network", kelp.openFiler(url, { fetch, ...QUICK }));
        ok(error.cause instanceof TypeError && error.cause.message.includes("opaque"), `the cause is ${error.cause}`);
      }
    },
  },
  {
    // F53
    name: "a body may be in shared memory", cluster: null,
    async run(kelp) {
      const key = new Uint8Array(32).fill(7);
      const plain = Uint8Array.from({ length: 65_536 }, (_, i) => i * 31);
      for (const encrypted of [false, true]) {
        const stored = encrypted ? await sealed(plain, key) : plain;
        const size = encrypted ? stored.length - 28 : stored.length;
        const fetch = async () => new Response(new ReadableStream({
          start(controller) {
            controller.enqueue(shared(stored));
            controller.close();
          },
        }));
        const chunk = { urls: ["http://nowhere.example/1"], offset: 0, size, ...(encrypted ? { key } : {}) };
        const file = await kelp.openManifest({ size, chunks: [chunk] }, { fetch, ...QUICK });
        sameBytes(new Uint8Array(await new Response(file.stream()).arrayBuffer()), plain.subarray(0, size), encrypted ? "encrypted" : "plain");
      }
    },
  },
];

/** These bytes in wasm memory: some pages have no other shared memory. */
function shared(bytes) {
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const view = new Uint8Array(buffer).subarray(0, bytes.length);
  view.set(bytes);
  return view;
}

/** As many bytes as fit into a page of memory, encrypted as SeaweedFS does. */
async function sealed(plain, key) {
  const iv = new Uint8Array(12).fill(9);
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  const stored = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, imported, plain.subarray(0, plain.length - 28));
  return Uint8Array.from([...iv, ...new Uint8Array(stored)]);
}
