// The store for behaviours: calls a control (tests/package/control.mjs) in this process or in another.

/** A store, through its control. */
export class Store {
  #ask; #lookups = new Map();

  /** @param {(method: string, ...args: unknown[]) => Promise<any>} ask */
  static async connect(ask) {
    const store = new Store();
    store.#ask = ask;
    return Object.assign(store, await ask("about"));
  }

  /** Stores a file of named content; returns its URL. */
  async addFile(file) {
    const added = await this.#ask("addFile", file);
    return { ...added, url: this.urlOf(added.path) };
  }

  addEntry(path, text) { return this.#ask("addEntry", path, text); }

  /** The URL of a file at the filer. */
  urlOf(path) {
    return this.filer + path.split("/").map(encodeURIComponent).join("/");
  }

  /** Adds a fault: see tests/store/faults.mjs. */
  async fault(match, action) {
    const fault = await this.#ask("fault", match, action);
    return { hits: () => this.#ask("hits", fault), remove: () => this.#ask("removeFault", fault) };
  }

  setLatency(ms) { return this.#ask("setLatency", ms); }
  setRate(bytesPerSecond) { return this.#ask("setRate", bytesPerSecond); }
  requests() { return this.#ask("requests"); }
  inFlight() { return this.#ask("inFlight"); }
  resetLog() { return this.#ask("resetLog"); }
  killVolume(index) { return this.#ask("killVolume", index); }
  head(url) { return this.#ask("head", url); }
  text(url) { return this.#ask("text", url); }
  vectors() { return this.#ask("vectors"); }
  sign(kind, claims) { return this.#ask("sign", kind, claims); }

  /** The requests for chunks, oldest first. */
  async chunkRequests() {
    return (await this.requests()).filter(({ fileId }) => fileId !== null);
  }

  /** A locator that names these volume servers, without a master. */
  locateOn(...indexes) {
    return (fileId) => ({ urls: indexes.map((index) => `${this.volumes[index]}/${fileId}`) });
  }

  /** A locator that asks the master once for each volume. The test asks, since pages cannot: a master sends no CORS headers. */
  locate = async (fileId) => {
    const [volume] = fileId.split(",");
    if (!this.#lookups.has(volume)) this.#lookups.set(volume, this.text(`${this.master}/dir/lookup?volumeId=${volume}`));
    const { locations = [] } = JSON.parse(await this.#lookups.get(volume));
    return { urls: locations.map(({ url }) => `http://${url}/${fileId}`) };
  };
}
