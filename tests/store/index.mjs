// A stand-in for a SeaweedFS cluster on loopback: a filer, a master and volume servers that answer as the real ones were
// recorded to (tests/fixtures), and that go wrong in every way a test asks for.
import { Faults } from "./faults.mjs";
import { answerFiler } from "./filer.mjs";
import { emptyCluster, FIXTURES, loadCluster } from "./fixtures.mjs";
import { answerMaster } from "./master.mjs";
import { addChunk, addFile } from "./synthetic.mjs";
import { answerVolume } from "./volume.mjs";
import { makeServer } from "./wire.mjs";

export { noise, prose, sha256 } from "./content.mjs";
export { FIXTURES, loadTranscript } from "./fixtures.mjs";
export { parseEntry } from "./entry.mjs";
export { signToken } from "./jwt.mjs";

/**
 * Starts a store on free ports.
 * @param {object} [options]
 * @param {"plain" | "cipher" | "jwt" | "s3" | null} [options.cluster] a captured cluster, or null for an empty one
 * @param {string} [options.fixtures] the folder that holds seaweedfs/<cluster>
 * @param {number} [options.volumes] volume servers of an empty store
 * @param {string} [options.host]
 * @returns {Promise<Store>}
 */
export async function startStore({ cluster = "plain", fixtures = FIXTURES, volumes = 3, host = "127.0.0.1" } = {}) {
  const store = new Store(cluster === null ? emptyCluster(volumes) : loadCluster(cluster, fixtures), host);
  await store.listen();
  return store;
}

/** A running cluster. */
export class Store {
  /** Where the servers are: "http://127.0.0.1:<port>". */
  filer; master; volumes;
  /**
   * Every request, oldest first, updated while it runs: { server, method, url, path, fileId, range, headers, at, ended,
   * status, bytesSent, state }. `at` and `ended` are milliseconds of performance.now(); `state` is "open", "done" (the answer
   * ended as the store meant it to, a fault's break included) or "aborted" (the connection closed before).
   */
  requests = [];
  /** Body bytes taken by the kernel since resetLog. */
  bytesSent = 0;
  /** Requests being answered now, and the most there were at once since resetLog. */
  inFlight = 0;
  peakInFlight = 0;
  /** Milliseconds before the headers of a chunk, at the volume servers and through the filer. */
  latency = 0;
  /** Bytes a second for each response; 0 for as fast as it goes. */
  rate = 0;
  /** What went wrong inside the store itself; close() throws it. */
  errors = [];
  faults = new Faults();
  #cluster; #host; #servers = new Map();

  constructor(cluster, host) {
    this.#cluster = cluster;
    this.#host = host;
  }

  /** The records of cases.json. */
  get cases() { return this.#cluster.cases; }

  /** Seconds that tokens from the master live: { read, write }. */
  get tokenSeconds() { return this.#cluster.tokenSeconds; }

  /** The signing keys: { read, write, filerRead }, or null. */
  get jwt() { return this.#cluster.jwt; }

  async listen() {
    this.filer = await this.#start("filer", (request) => answerFiler(this.#cluster, request));
    this.master = await this.#start("master", (request) => answerMaster(this.#cluster, request));
    this.volumes = [];
    for (const index of this.#cluster.live.keys()) this.volumes.push(await this.#startVolume(index, 0));
    this.#cluster.addresses = this.volumes.map((origin) => origin.slice("http://".length));
  }

  #startVolume(index, port) {
    return this.#start(`volume${index}`, (request) => answerVolume(this.#cluster, index, request), port);
  }

  #start(name, answer, port = 0) {
    const server = makeServer(name, answer, this);
    this.#servers.set(name, server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, this.#host, () => resolve(`http://${this.#host}:${server.address().port}`));
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
