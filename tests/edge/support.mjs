// Starts a store and the gateway in front of it in workerd; sends requests.
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleWorker, startBareWorker, startWorker } from "../../scripts/edge.mjs";
import { noise, startStore } from "../store/index.mjs";

export { noise, sha256, startStore } from "../store/index.mjs";
export { KEYS, now, signed, URL_KEYS } from "./signed.mjs";

const MIB = 2 ** 20;
const some = noise("plenty", MIB + 1);

/** Many bytes, made quickly. */
export const plenty = (mebibytes) => Buffer.concat(Array(mebibytes).fill(some)).subarray(0, mebibytes * MIB);

const modules = await bundleWorker();
const open = [];

/** A store, and a gateway in front of it that serves every path without a signature. `vars` (or a function of the store) override that. */
export async function startGateway(cluster, vars = {}, start = startWorker) {
  const store = await startStore({ cluster });
  const own = typeof vars === "function" ? vars(store) : vars;
  const gateway = await start(modules, { FILER: store.filer, ALLOW_PREFIXES: "/", PUBLIC: "yes", SUBREQUESTS: "1000", ...own });
  open.push(gateway, store);
  return { store, origin: gateway.origin, worker: gateway.worker };
}

/** As {@link startGateway}, in workerd without miniflare. */
export const startBareGateway = (cluster, vars) => startGateway(cluster, vars, startBareWorker);

/** Another store, which the gateway does not know. */
export async function startRogue(cluster = null) {
  const store = await startStore({ cluster });
  open.push(store);
  return store;
}

/** Closes everything that was started. */
export async function closeAll() {
  while (open.length > 0) await open.pop().close();
}

/** As {@link startGateway}; `lines` has the lines that the worker logs. */
export async function startLoggedGateway(cluster, vars) {
  const lines = [];
  const read = (stream) => createInterface({ input: stream }).on("line", (line) => lines.push(line));
  const gateway = await startGateway(cluster, vars, (modules, bindings) => startWorker(modules, bindings, { stdio: (...streams) => streams.forEach(read) }));
  return { ...gateway, lines };
}

export const encoded = (path) => path.split("/").map(encodeURIComponent).join("/");

/** Fetches and reads the body: `{ status, headers, bytes }`, within 40 s. */
export async function get(url, { headers = {}, method = "GET" } = {}) {
  const response = await fetch(url, { method, headers: { "accept-encoding": "identity", ...headers }, signal: AbortSignal.timeout(40_000) });
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
}

/** As `get`, without decoding a content encoding. */
export async function rawGet(url, headers = {}) {
  const [response] = await once(request(url, { headers, timeout: 5000 }).end(), "response");
  const pieces = [];
  for await (const piece of response) pieces.push(piece);
  return { status: response.statusCode, headers: new Headers(response.headers), bytes: Buffer.concat(pieces) };
}

export const json = ({ bytes }) => JSON.parse(bytes.toString());

/** Sends a path unchanged, which `fetch` would normalize; resolves to the status. */
export async function rawStatus(origin, path) {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname, port });
  socket.setTimeout(5000, () => socket.destroy(new Error("no answer")));
  socket.end(`GET ${path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n`);
  let text = "";
  socket.on("data", (data) => (text += data));
  await once(socket, "close");
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}

export async function until(condition, what, ms = 5000) {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(10);
  }
}

/** Resolves when nothing is in flight and nothing starts for 100 ms: workerd may notice late that a client has left. */
export async function quiet(store) {
  await until(async () => {
    const asked = store.requests.length;
    await sleep(100);
    return store.inFlight === 0 && store.requests.length === asked;
  }, "nothing is in flight");
}

/** Waits until bytes were sent and no more follow. */
export async function untilStill(store) {
  let before = -1;
  await until(async () => {
    const same = before === store.bytesSent && before > 0;
    before = store.bytesSent;
    await sleep(300);
    return same;
  }, "nothing more is fetched", 20_000);
}

export const chunksOf = (store) => store.requests.filter(({ fileId }) => fileId !== null);
