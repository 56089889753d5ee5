// The components under jco and wasmtime: the library for reads, the gateway for responses.
import { setTimeout as sleep } from "node:timers/promises";
import { GATEWAY_HOSTS, Library, LIBRARY_HOSTS, startGateway } from "../component/support.mjs";
import { testPlace } from "./place.mjs";
import { gatewayReader, needsHead, notInGateway, ownOfGateway } from "./gateway.mjs";

const VERIFY = { stream: "as-read", transit: "transit", strict: "before-release", off: "off" };

/** Ends a library or a gateway, as the context of a test does. */
class Life {
  #ends = [];
  after(end) {
    this.#ends.push(end);
  }
  end() {
    for (const end of this.#ends.splice(0)) end();
  }
}

/** @param {object} host the host of the library @param {object} gateway the host of the gateway of the same WASI version */
function place(name, host, gateway, { part } = {}) {
  const isAnswered = ({ steps }) => steps.some(({ answer }) => answer);
  const lacks = (testCase) => {
    const { steps, seen = {} } = testCase;
    if (seen.idle && host.cannot.cancel) return host.cannot.cancel;
    if (goesWrong(testCase) && host.cannot.calls) return host.cannot.calls;
    if (!isAnswered(testCase)) return undefined;
    if (gateway.skip) return `no gateway: ${gateway.skip}`;
    return ownOfGateway(testCase) ?? (steps.some(hasNoBody) ? gateway.cannot.bodiless : undefined);
  };
  testPlace({
    name, skip: host.skip, part,
    start: () => {
      const library = new Loaded(host);
      const gateways = gatewayReader((servers) => startServing(gateway, servers));
      return {
        perform: (task, again) => (isAnswered(task) ? gateways.perform(task) : library.perform(task, again)),
        close: () => (library.close(), gateways.close()),
      };
    },
    lacks,
  });
}

/** A library in its host. Some hosts hang: such a host is ended after a time, and the task runs again in a new one. */
class Loaded {
  #host; #life = new Life(); #library = null;

  constructor(host) {
    this.#host = host;
  }

  async perform(task, again) {
    const mayHang = this.#host.cannot.calls !== undefined;
    for (let attempts = mayHang ? MAX_ATTEMPTS : 1; ; attempts--) {
      const performed = perform((this.#library ??= new Library(this.#life, this.#host)), task);
      if (attempts === 1) return performed;
      const report = await Promise.race([performed, sleep(HANGS_AFTER, null, { ref: false })]);
      if (report) return report;
      performed.catch(() => {});
      this.close();
      again();
    }
  }

  close() {
    this.#life.end();
    this.#library = null;
  }
}

const MAX_ATTEMPTS = 4;
const HANGS_AFTER = 12_000;

const goesWrong = ({ steps, file = {}, faults, dead, kill }) => faults.length + dead.length > 0 || kill || file.error || steps.some(({ error }) => error);

// An empty file has no body either, and the ETag is requested with HEAD.
const hasNoBody = ({ answer, gives }) => answer.method === "HEAD" || gives.length === 0 || needsHead({ answer });

async function startServing(host, { filer, master, volumes }) {
  const life = new Life();
  const located = master ? { KELP_MASTER: master, KELP_ORIGINS: volumes.join() } : {};
  const origin = await startGateway(life, host, { KELP_FILER: filer, KELP_PREFIXES: "/", KELP_PUBLIC: "yes", ...located });
  return { origin, close: () => life.end() };
}

async function perform(library, { open, steps }) {
  const file = await opened(library, open);
  if (file.error) return { file: { error: failure(file.error) }, steps: [] };
  const report = [];
  for (const { read, stop } of steps) report.push(await readRange(file, read, stop));
  await file.drop();
  const { size, name, type, etag, modified } = file;
  return { file: { size, name, type, etag, lastModified: modified }, steps: report };
}

function opened(library, { by, target, known, options: { locate, filerToken, sse = {}, ...options } }) {
  const filer = {
    masters: locate && [locate.master], token: filerToken,
    "customer-key": sse.customerKey && { bytes: sse.customerKey }, kek: sse.kek && { bytes: Buffer.from(sse.kek, "hex").toString("base64") },
  };
  const all = optionsOf(options);
  if (by === "filer") return library.openFiler(target, filer, all);
  if (by === "entry") return library.open("openEntry", target, known.filer, filer, all);
  if (by === "manifest") return library.open("openManifest", manifestOf(target), all);
  const { size, chunkSize, name, type } = known;
  return library.open("openUrl", target, { size: number(size), "chunk-size": number(chunkSize), name, "media-type": type }, all);
}

const number = (value) => (value === undefined ? undefined : { u64: value });

function optionsOf({ verify, retry, timeout, ...same }) {
  const { passes, baseDelay, maxDelay } = retry ?? {};
  return { ...same, verify: VERIFY[verify], retry: retry && { passes, "base-delay": baseDelay, "max-delay": maxDelay }, timeout };
}

function manifestOf({ size, name = "", chunks }) {
  const chunk = ({ urls, offset, size: length, range, key, md5, compression }) => ({
    urls, offset: number(offset), size: number(length), modified: { u64: 0 }, compression,
    stored: range && { start: number(range.start), end: number(range.end) }, key: key && { bytes: key }, md5: md5 && { bytes: md5 },
  });
  return { size: number(size), name, chunks: chunks.map(chunk) };
}

async function readRange(file, { start = 0, end = file.size }, stop) {
  const body = await file.body({ start, end: Math.max(start, end) });
  const { error, ...report } = await body.read({ most: stop });
  if (stop === undefined || error) return { length: report.length, sha256: report.sha256, ...(error ? { error: failure(error) } : {}) };
  await body.drop();
  return { stopped: true };
}

const failure = ({ code, message, retryable, offset }) => ({ code: code.replaceAll("-", "_"), message, retryable, offset: offset ?? undefined });

// The host in Python takes microseconds per byte, so large ranges of captured files are left out.
const short = { part: (testCase) => ({ ...testCase, steps: testCase.steps.filter(({ read, sha256 }, i) => i === 0 || !sha256 || read.end - read.start <= 100_000) }) };

const libraries = Object.fromEntries(LIBRARY_HOSTS.map((host) => [host.name, host]));
const gateways = Object.fromEntries(GATEWAY_HOSTS.map((host) => [host.name, host]));

place("WASI 0.2, jco", libraries.jco, gateways.jco);
place("WASI 0.2, wasmtime", libraries.wasmtime, gateways.wasmtime, short);
place("WASI 0.3, jco", libraries["jco on WASI 0.3"], gateways["jco on WASI 0.3"]);

// The library of 0.3 has no second host yet: everything is requested from the gateway.
const serving = gateways["wasmtime on WASI 0.3"];
testPlace({ name: "WASI 0.3, wasmtime", skip: serving.skip, start: () => gatewayReader((servers) => startServing(serving, servers)), lacks: notInGateway });
