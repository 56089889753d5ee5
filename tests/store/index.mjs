// A stand-in for a SeaweedFS cluster on loopback: a filer, a master and volume servers that respond like the recorded real ones
// (tests/fixtures), and that fail as a test requires.
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
 * @param {"plain" | "cipher" | "jwt" | "s3" | null} [options.cluster] a captured cluster; null for an empty one
 * @param {string} [options.fixtures] the folder with seaweedfs/<cluster>
 * @param {number} [options.volumes] number of volume servers: 3 for an empty store, else at least those that were captured
 * @param {number} [options.replicas] the least number of servers that hold each captured volume
 * @param {string} [options.host]
 * @param {boolean} [options.http2] the filer and the volume servers speak only HTTP/2, with a self-signed certificate, like a
 *   proxy in front of them; pages can read their protocol. Needs openssl. The master speaks HTTP/1.1, and names volume servers without
 *   a scheme.
 * @returns {Promise<Store>}
 */
export async function startStore({ cluster = "plain", fixtures = FIXTURES, volumes, replicas = 1, host = "127.0.0.1", http2 = false } = {}) {
  const store = new Store(cluster === null ? emptyCluster(volumes ?? 3) : loadCluster(cluster, fixtures, { volumes, replicas }), host, http2 ? certificate() : null);
  await store.listen();
  return store;
}

/** The URL of a path at the filer of a store. */
export const urlOf = ({ filer }, path) => filer + path.split("/").map(encodeURIComponent).join("/");

/** A running cluster. */
export class Store {
  /** Origins: "http://127.0.0.1:<port>", or "https://..." */
  filer; master; volumes;
  /**
   * All requests, oldest first, updated while they run: { server, method, url, path, fileId, range, headers, at, connection, ended,
   * status, bytesSent, state }. `connection` is the port of the client; `at` and `ended` are milliseconds of performance.now();
   * `state` is "open", "done" (the response ended as the store intended, or as a fault required) or "aborted" (the client closed it).
   */
  requests = [];
  /** Bytes of bodies that the kernel has accepted since resetLog. */
  bytesSent = 0;
  /** Requests in flight now, and the most concurrent ones since resetLog. */
  inFlight = 0;
  peakInFlight = 0;
  /** The speed of the servers: `latency`, `rate` and `link` are those of all, `shapeVolume` changes one. */
  shape = new Shape();
  /** Internal errors of the store; close() throws them. */
  errors = [];
  faults = new Faults();
  #cluster; #host; #certificate; #servers = new Map(); #awaited = [];

  constructor(cluster, host, certificate = null) {
    this.#cluster = cluster;
    this.#host = host;
    this.#certificate = certificate;
  }

  /** The certificate of the filer and the volume servers in PEM; null without HTTP/2. */
  get certificate() { return this.#certificate?.cert.toString() ?? null; }

  /** Milliseconds before the headers of a chunk, at the volume servers and relayed by the filer. */
  get latency() { return this.shape.latency; }
  set latency(ms) { this.shape.latency = ms; }

  /** Bytes per second of each response; 0: no limit. */
  get rate() { return this.shape.rate; }
  set rate(bytesPerSecond) { this.shape.rate = bytesPerSecond; }

  /** Bytes per second of the link that all servers share, fairly divided among responses; 0: no limit. */
  get link() { return this.shape.link.rate; }
  set link(bytesPerSecond) { this.shape.link.rate = bytesPerSecond; }

  /** The records of cases.json. */
  get cases() { return this.#cluster.cases; }

  /** Seconds for which tokens of the master are valid: { read, write }. */
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

  /** Clears the log. Requests in flight still count in `inFlight`. */
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
   * Changes the speed of one volume server from now on, also of responses in flight: latency in milliseconds, bytes per second of each
   * response, and of its own link. Values that are not given are those of the other servers.
   * @param {{ latency?: number, rate?: number, link?: number }} [own]
   */
  shapeVolume(index, own = {}) { this.shape.set(`volume${index}`, own); }

  /** Calls `act` once, after this many further bytes of bodies were sent. */
  after(bytes, call) {
    this.#awaited.push({ left: bytes, call });
  }

  /** Over HTTP/2: a server sends GOAWAY on its connections, and completes the requests in flight. */
  retireConnections(name) {
    this.#servers.get(name).retireConnections();
  }

  /** Stops a volume server: its connections break, and the master no longer names it. */
  async killVolume(index) {
    const server = this.#servers.get(`volume${index}`);
    if (!this.#cluster.live[index]) throw new Error(`volume${index} is not running`);
    this.#cluster.live[index] = false;
    await stop(server);
  }

  /** Starts a stopped volume server again on its old port. */
  async reviveVolume(index) {
    if (this.#cluster.live[index]) throw new Error(`volume${index} is running`);
    await this.#startVolume(index, Number(new URL(this.volumes[index]).port));
    this.#cluster.live[index] = true;
  }

  /** Stores a generated file: see synthetic.mjs. */
  addFile(file) { return addFile(this.#cluster, file); }

  /** The bytes of a file that `addFile` stored. */
  bytesOf(path) { return Buffer.concat([...this.#cluster.painters.get(path)()]); }

  /** Stores an entry unchanged. */
  addEntry(path, text) { this.#cluster.entries.set(path, text); }

  /** Stores the bytes of one chunk unchanged; `volumes`: the servers that hold it. */
  addChunk(fileId, stored, about) { addChunk(this.#cluster, fileId, stored, about); }

  /** Closes the store. @throws {AggregateError} the internal errors */
  async close() {
    await Promise.all([...this.#servers.values()].map(stop));
    if (this.errors.length > 0) throw new AggregateError(this.errors, `the store failed: ${this.errors[0].stack}`);
  }

  // For wire.mjs: keeps a request in the log.
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

// Ignores that a server is closed already, as a killed one is.
function stop(server) {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
