// Chunks that a master locates: lookups, tokens, volumes that move.
import { equal, fails, ok, same, sameBytes } from "./assert.mjs";
import { QUICK, mentions } from "./helpers.mjs";

const IN_A_PAGE = typeof globalThis.location === "object";
const PATH = "/d/auto.bin";
/** Plain files, compressed ones, files with holes or overlaps, and an empty one. */
const CAPTURED = ["one", "empty", "auto", "auto-text", "many", "sparse", "overlap", "append", "odd-name", "truncated"];

/**
 * The `locate` of a store's master. A master sends no CORS headers, so a fault adds them for pages of another origin. `about` changes
 * its other responses.
 */
async function master(store, about = {}) {
  const cors = { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Authorization" };
  await store.fault({ server: "master" }, { headers: cors, ...about });
  return { master: store.master };
}

/** The queries of the requests to the master. */
const lookupsAt = async (store) => (await store.requests()).filter(({ server }) => server === "master").map(({ url }) => url.split("?")[1]);

/** A master's response for a volume with these locations. */
const located = (volume, ...locations) => JSON.stringify({ volumeOrFileId: volume, locations });

const addFile = (store, replicas = [0, 1]) => store.addFile({ path: "/f/m.bin", content: "noise:m", length: 50_000, chunkSize: 10_000, replicas });
const volumeOf = (fileId) => fileId.split(",")[0];

export const lookups = [
  {
    name: "a master is asked once for each volume", cluster: "plain",
    async run(kelp, store, help) {
      const locate = await master(store);
      for (const { path, sha256 } of store.cases.filter(({ name }) => CAPTURED.includes(name))) {
        await store.resetLog();
        const file = await kelp.openFiler(store.urlOf(path), { locate });
        equal(await help.sha256(await file.bytes()), sha256, path);
        const asked = await lookupsAt(store);
        equal(new Set(asked).size, asked.length, `${path}: ${asked}`);
        ok(asked.every((query) => /^volumeId=\d+$/.test(query)), `${path}: ${asked}`);
        ok((await store.chunkRequests()).every(({ server }) => server.startsWith("volume")), "nothing went through the filer");
      }
    },
  },
  {
    name: "a master is asked for a token when a server requires one", cluster: "jwt",
    async run(kelp, store, help) {
      const locate = await master(store);
      const filerToken = () => store.sign("filerRead", {});
      for (const { path, sha256 } of store.cases) {
        await store.resetLog();
        const file = await kelp.openFiler(store.urlOf(path), { locate, filerToken, concurrency: 1 });
        equal(await help.sha256(await file.bytes()), sha256, path);
        const requests = await store.chunkRequests();
        const refused = requests.filter(({ status }) => status === 401);
        equal(refused.length, Math.min(1, requests.length), `${path}: requests that were refused`);
        ok(requests.every(({ url, headers }) => (/[?&]jwt=/.test(url) || refused[0].url === url) && headers.authorization === undefined), "tokens are in the query");
        ok((await lookupsAt(store)).filter((query) => query.startsWith("fileId=")).every((query) => query.endsWith("&read=yes")), "no write token is requested");
      }
    },
  },
  {
    name: "an entry with a master needs no filer", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await addFile(store);
      const right = await help.content("noise:m", 50_000);
      const { master: url } = await master(store);
      for (const each of [url, new URL(url), `${url}/#x`]) {
        const file = await kelp.openEntry(entry, { locate: { master: each } });
        sameBytes(await file.bytes(), right, String(each));
      }
    },
  },
  {
    name: "a publicUrl with scheme and path is used", cluster: null,
    async run(kelp, store, help) {
      const { entry, fileIds } = await addFile(store, [1]);
      const right = await help.content("noise:m", 50_000);
      // Volume servers serve no path prefix, so only the treatment of its slash shows.
      const publicUrl = `${store.volumes[1]}/`;
      const locate = await master(store, { status: 200, body: located(volumeOf(fileIds[0]), { url: "127.0.0.1:1", publicUrl }) });
      const file = await kelp.openEntry(entry, { locate });
      sameBytes(await file.bytes(), right);
      const elsewhere = await master(store, { status: 200, body: located(volumeOf(fileIds[0]), { url: "127.0.0.1:1", publicUrl: `${store.volumes[1]}/below/it` }) });
      await store.resetLog();
      await fails(kelp, "http", (await kelp.openEntry(entry, { locate: elsewhere, ...QUICK })).bytes());
      ok((await store.requests()).filter(({ server }) => server === "volume1").every(({ path }) => path.startsWith("/below/it/")), "the path is kept");
    },
  },
  {
    // F132
    name: "a server is read at its other address if need be", cluster: null,
    async run(kelp, store, help) {
      const { entry, fileIds } = await addFile(store, [1]);
      const location = { url: new URL(store.volumes[1]).host, publicUrl: "127.0.0.1:1" };
      const locate = await master(store, { status: 200, body: located(volumeOf(fileIds[0]), location) });
      const file = await kelp.openEntry(entry, { locate, ...QUICK });
      sameBytes(await file.bytes(), await help.content("noise:m", 50_000));
    },
  },
  {
    // F133
    name: "several masters are asked in turn", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await addFile(store);
      const right = await help.content("noise:m", 50_000);
      const { master: url } = await master(store);
      const dead = "http://127.0.0.1:1";
      for (const each of [[dead, url], [new URL(url)], [url, dead]]) {
        sameBytes(await (await kelp.openEntry(entry, { locate: { master: each }, ...QUICK })).bytes(), right, String(each));
      }
      await fails(kelp, "no_locations", (await kelp.openEntry(entry, { locate: { master: [dead, dead] }, ...QUICK })).bytes());
      ok((await kelp.openEntry(entry, { locate: { master: [] } }).catch((error) => error)) instanceof RangeError, "none is a RangeError");
    },
  },
  {
    name: "a dead server is left without a lookup", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await addFile(store, [0, 1]);
      const right = await help.content("noise:m", 50_000);
      const file = await kelp.openEntry(entry, { locate: await master(store), concurrency: 1, ...QUICK });
      sameBytes(await file.bytes({ end: 10_000 }), right.subarray(0, 10_000), "the first chunk");
      await store.killVolume(0);
      sameBytes(await file.bytes(), right, "all");
      equal((await lookupsAt(store)).length, 1, "lookups");
    },
  },
  {
    name: "a moved volume takes one lookup for all its chunks", cluster: null,
    async run(kelp, store, help) {
      const { entry, fileIds } = await addFile(store, [1]);
      const right = await help.content("noise:m", 50_000);
      const locate = await master(store);
      const stale = { url: new URL(store.volumes[0]).host, publicUrl: new URL(store.volumes[0]).host };
      await store.fault({ server: "master", times: 1 }, { status: 200, body: located(volumeOf(fileIds[0]), stale), headers: { "Access-Control-Allow-Origin": "*" } });
      // A server that no longer has the volume, and does not relay.
      await store.fault({ server: "volume0" }, { status: 404 });
      await store.setLatency(20);
      const file = await kelp.openEntry(entry, { locate, ...QUICK });
      sameBytes(await file.bytes(), right);
      equal((await lookupsAt(store)).length, 2, "lookups");
      ok(file.stats.relookups > 0, "it is counted");
    },
  },
  {
    name: "a volume that no server has is not_found", cluster: null,
    async run(kelp, store) {
      const { entry } = await addFile(store, [2]);
      await store.killVolume(2);
      const file = await kelp.openEntry(entry, { locate: await master(store), ...QUICK });
      const error = await fails(kelp, "not_found", file.bytes());
      same(error.attempts.map(({ host, status }) => [host, status]), [[new URL(store.master).host, 404], [new URL(store.master).host, 404]], "attempts");
      equal((await lookupsAt(store)).length, 2, "five chunks ask as often as one");
    },
  },
  {
    // F07
    name: "a master that is warming up is waited for", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await addFile(store);
      const locate = await master(store);
      const headers = { "Retry-After": "1", "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After" };
      await store.fault({ server: "master", times: 1 }, { status: 503, headers });
      const start = performance.now();
      const file = await kelp.openEntry(entry, { locate, retry: { passes: 2, baseDelay: 1 } });
      sameBytes(await file.bytes(), await help.content("noise:m", 50_000));
      ok(performance.now() - start >= 950, `it took ${performance.now() - start} ms`);
    },
  },
  {
    name: "an unreachable master is no_locations with the reason", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await addFile(store);
      const file = await kelp.openEntry(entry, { locate: { master: store.master }, ...QUICK });
      if (!IN_A_PAGE) {
        // This platform has no origins.
        sameBytes(await file.bytes(), await help.content("noise:m", 50_000));
        await store.fault({ server: "master" }, { refuse: true });
      }
      const again = await kelp.openEntry(entry, { locate: { master: store.master }, ...QUICK });
      const error = await fails(kelp, "no_locations", again.bytes());
      ok(error.retryable, "retryable");
      ok(error.message.includes("CORS"), error.message);
      ok(error.cause !== undefined, "it has a cause");
    },
  },
  {
    // F12
    name: "a function that never settles is aborted", cluster: null,
    async run(kelp, store) {
      const { entry } = await addFile(store);
      const never = () => new Promise(() => {});
      const signals = [];
      const quick = { retry: { passes: 1 }, timeout: { headers: 50 } };
      const locate = (fileId, { signal }) => {
        signals.push(signal);
        return never();
      };
      await fails(kelp, "no_locations", (await kelp.openEntry(entry, { locate, ...quick })).bytes());
      ok(signals.length > 0 && signals.every(({ aborted }) => aborted), "its signals are aborted");
      await fails(kelp, "unauthorized", (await kelp.openEntry(entry, { locate: store.locateOn(0), token: never, ...quick })).bytes());
      await fails(kelp, "unauthorized", kelp.openFiler(`${store.filer}/f/m.bin`, { filerToken: never, ...quick }));
      for (const token of [() => "", () => 5, () => undefined]) {
        await fails(kelp, "unauthorized", (await kelp.openEntry(entry, { locate: store.locateOn(0), token, ...quick })).bytes(), `token ${token}`);
      }
      equal((await store.chunkRequests()).length, 0, "requests without the token");
    },
  },
  {
    // F213
    name: "a function may look at its signal after it was given up", cluster: null,
    async run(kelp, store) {
      const { entry } = await addFile(store);
      const given = [];
      const locate = (fileId, about) => {
        given.push(about);
        return new Promise(() => {});
      };
      const quick = { retry: { passes: 1 }, timeout: { headers: 50 } };
      await fails(kelp, "no_locations", (await kelp.openEntry(entry, { locate, ...quick })).bytes());
      ok(given.length > 0 && given.every(({ signal }) => signal.aborted), "its signals are aborted");
    },
  },
  {
    // F06
    name: "an abort ends a lookup under way", cluster: null,
    async run(kelp, store) {
      const { entry } = await addFile(store);
      const locate = await master(store, { latency: 60_000 });
      const file = await kelp.openEntry(entry, { locate });
      const controller = new AbortController();
      const reading = file.bytes({ signal: controller.signal }).catch((reason) => reason);
      const reason = new Error("enough");
      setTimeout(() => controller.abort(reason), 50);
      ok((await reading) === reason, "the reason is given");
    },
  },
  {
    name: "concurrent requests share one call for a token", cluster: null,
    async run(kelp, store, help) {
      const { entry } = await store.addFile({ path: "/f/one.bin", content: "noise:one", length: 9000, chunkSize: 9000, replicas: [0] });
      const right = await help.content("noise:one", 9000);
      let calls = 0;
      const token = async () => {
        calls++;
        await new Promise((wake) => setTimeout(wake, 100));
        return "token";
      };
      // Its own pool: refused requests of other tests would reduce the concurrency.
      const file = await kelp.openEntry(entry, { locate: store.locateOn(0), token, pool: new kelp.Pool() });
      const parts = await Promise.all([0, 3000, 6000].map((start) => file.bytes({ start, end: start + 3000 })));
      parts.forEach((part, i) => sameBytes(part, right.subarray(i * 3000, (i + 1) * 3000)));
      equal(calls, 1, "calls");
    },
  },
  {
    name: "a master's token is in no error and no event", cluster: "jwt",
    async run(kelp, store) {
      const events = [];
      const locate = await master(store);
      const filerToken = await store.sign("filerRead", {});
      const file = await kelp.openFiler(store.urlOf(PATH), { locate, filerToken, onEvent: (event) => events.push(event), ...QUICK });
      await store.resetLog();
      await file.bytes();
      const [{ url }] = (await store.chunkRequests()).filter(({ url }) => url.includes("jwt="));
      await store.fault({ server: /^volume/ }, { status: 401 });
      const error = await fails(kelp, "unauthorized", file.bytes());
      const reported = [error, ...events];
      const secret = url.split("jwt=")[1];
      for (const each of reported) ok(!mentions(each, secret) && !mentions(each, "jwt=") && !mentions(each, "fileId="), JSON.stringify(each));
    },
  },
];
