// The stores of the demo, and what its page may do to them: slow them down, stop a replica, start it again.
import { noise, startStore } from "../tests/store/index.mjs";

/** What "times slower" refers to if no limit is set: milliseconds, and bytes per second. */
const USUAL = { latency: 20, rate: 20 * 2 ** 20 };
/** The maximum of "times slower". */
const SLOWEST = 50;

/** Long enough for "auto" to find a concurrency: 32 MiB, which take 1 MiB of memory. */
const LONG = { path: "/d/forest.bin", chunkSize: 128 * 1024, repeat: 32 };

/** The running stores. */
export class StandIn {
  /** @type {Record<string, import("../tests/store/index.mjs").Store>} */
  stores;
  /** How many times slower each replica of each store is, and which are stopped. */
  #replicas;

  /** Starts them. */
  static async start() {
    // Two replicas for each chunk: with one there is no hedging and no failover.
    const cipher = await startStore({ cluster: "cipher", volumes: 3, replicas: 2 });
    const plain = await startStore({ cluster: "plain" });
    cipher.cases.push(addLong(cipher));
    return new StandIn({ cipher, plain });
  }

  constructor(stores) {
    this.stores = stores;
    this.#replicas = new Map(Object.entries(stores).map(([name, { volumes }]) =>
      [name, volumes.map((origin) => ({ host: new URL(origin).host, isAlive: true, slowness: 1 }))]));
  }

  /** The state for the page: { stores, settings }. */
  describe() {
    return { stores: Object.keys(this.stores).map((name) => this.#describe(name)), settings: this.#settings };
  }

  /** Changes all servers: milliseconds before each chunk, bytes per second of each response. */
  set({ latency, rate }) {
    const settings = { latency: amount(latency, "latency"), rate: amount(rate, "rate") };
    for (const [name, store] of Object.entries(this.stores)) {
      Object.assign(store, settings);
      for (const index of this.#replicas.get(name).keys()) this.#shape(name, index);
    }
    return this.#settings;
  }

  /** Changes one replica: `slowness` from 1, and whether it runs. Returns all replicas of the store. */
  async setReplica({ store: name, index, slowness, isAlive }) {
    const replica = this.#replicas.get(name)?.[index];
    if (!replica) throw new RangeError("there is no such replica");
    if (slowness !== undefined) {
      replica.slowness = factor(slowness);
      this.#shape(name, index);
    }
    if (isAlive !== undefined && isAlive !== replica.isAlive) await this.#turn(name, index, Boolean(isAlive));
    return this.#replicas.get(name);
  }

  /** The master's response for a volume; null if there is no such store. */
  lookup(name, volumeId) {
    // A master sends no CORS headers, so a page asks it through its own server: here and in production.
    return Object.hasOwn(this.stores, name) ? fetch(`${this.stores[name].master}/dir/lookup?volumeId=${encodeURIComponent(volumeId)}`) : null;
  }

  /** Stops them all. */
  async close() {
    for (const store of Object.values(this.stores)) await store.close();
  }

  get #settings() {
    const [{ latency, rate }] = Object.values(this.stores);
    return { latency, rate };
  }

  #describe(name) {
    const { filer, cases } = this.stores[name];
    const files = cases.map(({ path, size = null, sha256 = null, note = "", expect = null }) => ({ path, size, sha256, note, expect }));
    return { name, filer, directory: "/d", canLookup: true, start: name === "cipher" ? "/d/film.webm" : null, files, replicas: this.#replicas.get(name) };
  }

  // Set before it is done, so that a second click does not stop it twice.
  #turn(name, index, isAlive) {
    this.#replicas.get(name)[index].isAlive = isAlive;
    return isAlive ? this.stores[name].reviveVolume(index) : this.stores[name].killVolume(index);
  }

  #shape(name, index) {
    const { slowness } = this.#replicas.get(name)[index];
    const store = this.stores[name];
    const slowed = { latency: Math.max(store.latency, USUAL.latency) * slowness, rate: (store.rate || USUAL.rate) / slowness };
    store.shapeVolume(index, slowness === 1 ? {} : slowed);
  }
}

function addLong(store) {
  const bytes = noise("forest", 2 ** 20);
  const { path, size, sha256 } = store.addFile({ ...LONG, bytes, cipher: true, spread: [[0, 1], [1, 2], [2, 0]] });
  return { path, size, sha256, note: "long enough to see how the concurrency is found" };
}

function amount(value, name) {
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`${name} must be a number from 0`);
  return value;
}

function factor(value) {
  if (!Number.isFinite(value) || value < 1 || value > SLOWEST) throw new RangeError(`slowness must be a number from 1 to ${SLOWEST}`);
  return value;
}
