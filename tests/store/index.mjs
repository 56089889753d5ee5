// A stand-in for a SeaweedFS cluster on loopback: a filer, a master and volume servers that answer as the real ones were
// recorded to (tests/fixtures), and that go wrong in every way a test asks for.
import { certificate } from "./certificate.mjs";
import { Faults } from "./faults.mjs";
import { answerFiler } from "./filer.mjs";
import { emptyCluster, FIXTURES, loadCluster } from "./fixtures.mjs";
import { answerMaster } from "./master.mjs";
import { Shape } from "./shape.mjs";
import { addChunk, addFile } from "./synthetic.mjs";
import { answerVolume } from "./volume.mjs";
import { makeSecureServer, makeServer } from "./wire.mjs";

export { noise, prose, sha256 } from "./content.mjs";
export { FIXTURES, loadTranscript } from "./fixtures.mjs";
export { parseEntry } from "./entry.mjs";
export { signToken } from "./jwt.mjs";

/**
 * Starts a store on free ports.
 * @param {object} [options]
 * @param {"plain" | "cipher" | "jwt" | "s3" | null} [options.cluster] a captured cluster, or null for an empty one
 * @param {string} [options.fixtures] the folder that holds seaweedfs/<cluster>
 * @param {number} [options.volumes] volume servers; 3 of an empty store, else those that were captured, and no fewer
 * @param {number} [options.replicas] at least so many of them hold each captured volume
 * @param {string} [options.host]
 * @param {boolean} [options.http2] the filer and the volume servers speak HTTP/2 and nothing else, with a certificate that
 *   nobody has signed, as a proxy in front of them might; pages may see their protocol. Needs openssl. The master stays
 *   as it is, and what it says of volume servers has no scheme.
 * @returns {Promise<Store>}
 */
export async function startStore({ cluster = "plain", fixtures = FIXTURES, volumes, replicas = 1, host = "127.0.0.1", http2 = false } = {}) {
  const store = new Store(cluster === null ? emptyCluster(volumes ?? 3) : loadCluster(cluster, fixtures, { volumes, replicas }), host, http2 ? certificate() : null);
  await store.listen();
  return store;
}

/** Where the filer of a store serves a path. */
export const urlOf = ({ filer }, path) => filer + path.split("/").map(encodeURIComponent).join("/");

/** A running cluster. */
export class Store {
  /** Where the servers are: "http://127.0.0.1:<port>", or "https://..." */
  filer; master; volumes;
  /**
   * Every request, oldest first, updated while it runs: { server, method, url, path, fileId, range, headers, at, connection,
   * ended, status, bytesSent, state }. `connection` is the client's port; `at` and `ended` are milliseconds of performance.now(); `state` is "open", "done" (the answer
   * ended as the store meant it to, a fault's break included) or "aborted" (the connection closed before).
   */
  requests = [];
  /** Body bytes taken by the kernel since resetLog. */
  bytesSent = 0;
  /** Requests being answered now, and the most there were at once since resetLog. */
  inFlight = 0;
  peakInFlight = 0;
  /** How fast the servers are: `latency`, `rate` and `link` set what holds for all, `shapeVolume` what holds for one. */
  shape = new Shape();
  /** What went wrong inside the store itself; close() throws it. */
  errors = [];
  faults = new Faults();
  #cluster; #host; #certificate; #servers = new Map(); #awaited = [];

  constructor(cluster, host, certificate = null) {
    this.#cluster = cluster;
    this.#host = host;
    this.#certificate = certificate;
  }

  /** The certificate of the filer and the volume servers, in PEM; null where they have none. */
  get certificate() { return this.#certificate?.cert.toString() ?? null; }

  /** Milliseconds before the headers of a chunk, at the volume servers and through the filer. */
  get latency() { return this.shape.latency; }
  set latency(ms) { this.shape.latency = ms; }

  /** Bytes a second for each response; 0 for as fast as it goes. */
  get rate() { return this.shape.rate; }
  set rate(bytesPerSecond) { this.shape.rate = bytesPerSecond; }

  /** Bytes a second of the line that all servers share, fairly among the responses under way; 0 for none. */
  get link() { return this.shape.link.rate; }
  set link(bytesPerSecond) { this.shape.link.rate = bytesPerSecond; }

  /** The records of cases.json. */
  get cases() { return this.#cluster.cases; }

  /** Seconds that tokens from the master live: { read, write }. */
  get tokenSeconds() { return this.#cluster.tokenSeconds; }

  /** The signing keys: { read, write, filerRead }, or null. */
  get jwt() { return this.#cluster.jwt; }

  async listen() {
    this.filer = await this.#start("filer", (request) => answerFiler(this.#cluster, request), this.#certificate);
    this.master = await this.#start("master", (request) => answerMaster(this.#cluster, request));
    this.volumes = [];
    for (const index of this.#cluster.live.keys()) this.volumes.push(await this.#startVolume(index, 0));
    this.#cluster.addresses = this.volumes.map((origin) => new URL(origin).host);
  }

  #startVolume(index, port) {
    return this.#start(`volume${index}`, (request) => answerVolume(this.#cluster, index, request), this.#certificate, port);
  }

  #start(name, answer, certificate = null, port = 0) {
    const server = certificate ? makeSecureServer(name, answer, this, certificate) : makeServer(name, answer, this);
    this.#servers.set(name, server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, this.#host, () => resolve(`${certificate ? "https" : "http"}://${this.#host}:${server.address().port}`));
    });
  }

  /** Forgets the log; requests that still run go on being counted in `inFlight`. */
  resetLog() {
    this.requests.length = 0;
    this.bytesSent = 0;
    this.peakInFlight = this.inFlight;
  }

  /** @param {import("./faults.mjs").Match} match @param {import("./faults.mjs").Action} action */
  fault(match, action) {
    return this.faults.add(match, action);
  }

  /**
   * Makes one volume server other than the rest, from now on, answers under way included: milliseconds, bytes a second of
   * each response, and of a line of its own. What is not named is as with the others.
   * @param {{ latency?: number, rate?: number, link?: number }} [own]
   */
  shapeVolume(index, own = {}) { this.shape.set(`volume${index}`, own); }

  /** Calls once when so many more body bytes have been sent. */
  after(bytes, call) {
    this.#awaited.push({ left: bytes, call });
  }

  /** Over HTTP/2: a server takes no new requests on the connections it has (GOAWAY), and ends what runs on them. */
  retireConnections(name) {
    this.#servers.get(name).retireConnections();
  }

  /** Stops a volume server: its connections break, and the master forgets it at once. */
  async killVolume(index) {
    const server = this.#servers.get(`volume${index}`);
    if (!this.#cluster.live[index]) throw new Error(`volume${index} is not running`);
    this.#cluster.live[index] = false;
    await stop(server);
  }

  /** Starts a killed volume server again, on its old port. */
  async reviveVolume(index) {
    if (this.#cluster.live[index]) throw new Error(`volume${index} is running`);
    await this.#startVolume(index, Number(new URL(this.volumes[index]).port));
    this.#cluster.live[index] = true;
  }

  /** Stores a made-up file: see synthetic.mjs. */
  addFile(file) { return addFile(this.#cluster, file); }

  /** What a right reader delivers of a file that was made up by `addFile`. */
  bytesOf(path) { return Buffer.concat([...this.#cluster.painters.get(path)()]); }

  /** Stores an entry as it is given. */
  addEntry(path, text) { this.#cluster.entries.set(path, text); }

  /** Stores the bytes of one chunk as they are given; `volumes`: the servers that hold it. */
  addChunk(fileId, stored, about) { addChunk(this.#cluster, fileId, stored, about); }

  /** Ends everything; throws if the store itself failed anywhere. */
  async close() {
    await Promise.all([...this.#servers.values()].map(stop));
    if (this.errors.length > 0) throw new AggregateError(this.errors, `the store failed: ${this.errors[0].stack}`);
  }

  // For wire.mjs: the life of a request in the log.
  open(record) {
    this.requests.push(record);
    this.inFlight++;
    this.peakInFlight = Math.max(this.peakInFlight, this.inFlight);
    return record;
  }

  count(record, bytes) {
    record.bytesSent += bytes;
    this.bytesSent += bytes;
    for (const each of this.#awaited) each.left -= bytes;
    const due = this.#awaited.filter(({ left }) => left <= 0);
    if (due.length === 0) return;
    this.#awaited = this.#awaited.filter(({ left }) => left > 0);
    for (const { call } of due) call();
  }

  settle(record, state) {
    if (record.state !== "open") return;
    record.state = state;
    record.ended = performance.now();
    this.inFlight--;
  }
}

// Closing a server that is closed already is fine: a killed one is stopped again at the end.
function stop(server) {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
