// Sets up a case: a store with its files and faults, and the task for the reader.
import { parseEntry, signToken, startStore, urlOf } from "../store/index.mjs";
import { content } from "../package/control.mjs";

// Stores that no case changes are built once: a captured cluster has ten thousand files.
const sharedStores = new Map();

/** Closes the shared stores. */
export async function closeShared() {
  for (const shared of sharedStores.values()) await (await shared).store.close();
  sharedStores.clear();
}

/** A case that is set up: `task` for the reader, the right bytes, and the store that sees the requests. */
export class Setup {
  /** `{ servers, open: { by, target, known, options }, steps }`, in plain values. */
  task;
  store;
  #files; #isShared; #read;

  /** @param {object} about a case of list.mjs */
  static async create(testCase) {
    const setup = new Setup();
    setup.#isShared = testCase.faults.length + testCase.dead.length === 0 && !testCase.kill;
    const { store, files } = await (setup.#isShared ? sharedStore(testCase.store) : build(testCase.store));
    Object.assign(setup, { store });
    setup.#files = files;
    try {
      await setup.#prepare(testCase);
    } catch (error) {
      await setup.close();
      throw error;
    }
    return setup;
  }

  async #prepare({ open, steps, faults, dead, kill }) {
    const { store } = this;
    for (const fault of faults) this.#fault(fault);
    for (const index of dead) await store.killVolume(index);
    // The test fails by what is read, not by an error of this call.
    if (kill) store.after(kill.after, () => store.killVolume(kill.volume).catch((error) => store.errors.push(error)));
    const { filer, master, volumes } = store;
    this.task = { servers: { filer, master, volumes }, open: this.#open(open), steps: steps.map(({ read, stop, answer }) => ({ read, stop, answer })) };
    store.resetLog();
  }

  /** The right bytes of the file, from `start` to `end`. */
  right(start, end) {
    return this.#read.bytes.subarray(start, end);
  }

  get size() {
    return this.#read?.bytes.length;
  }

  /** Requests for chunks, oldest first, without CORS preflights. */
  get chunkRequests() {
    return this.store.requests.filter(({ method, fileId }) => method !== "OPTIONS" && fileId !== null);
  }

  get entryRequests() {
    return this.store.requests.filter(({ method, url }) => method !== "OPTIONS" && url.includes("metadata=true"));
  }

  async close() {
    if (!this.#isShared) await this.store.close();
  }

  #open({ filer, entry, manifest, url, known = {}, locate = "proxy", filerToken, sse, options = {} }) {
    const { store } = this;
    const located = locate === "master" ? { locate: { master: store.master } } : {};
    const signed = filerToken ? { filerToken: signToken({ exp: Math.floor(Date.now() / 1000) + 60 }, store.jwt.filerRead) } : {};
    const all = { ...options, ...located, ...signed, ...(sse?.customerKey || sse?.kek ? { sse } : {}) };
    if (entry) return { by: "entry", target: this.#file(entry).entry, known: { filer: store.filer }, options: all };
    if (manifest) return { by: "manifest", target: this.#manifest(manifest), known, options: all };
    const path = (filer ?? url).path ?? this.#file(filer ?? url).path;
    return { by: filer ? "filer" : "url", target: urlOf(store, path), known, options: all };
  }

  #file(name) {
    return (this.#read = this.#files.get(name));
  }

  // The name of a file: a manifest of its chunks. An object: a manifest whose chunks refer to chunks of files.
  #manifest(testCase) {
    const name = typeof testCase === "string" ? testCase : testCase.of;
    if (name === undefined) {
      const { bytes, chunks, ...rest } = testCase;
      this.#read = { bytes: this.#file(bytes).bytes.subarray(0, testCase.size) };
      return { ...rest, chunks: chunks.map(({ of: [file, index], ...chunk }) => ({ ...chunk, urls: this.#urls(file, index) })) };
    }
    const file = this.#file(name);
    const { of, ...instead } = typeof testCase === "string" ? {} : testCase;
    const chunks = parseEntry(file.entry).chunks.map(({ offset = 0, size, cipher_key, is_compressed, e_tag }, index) => ({
      urls: this.#urls(name, index), offset: Number(offset), size: Number(size),
      ...(cipher_key ? { key: cipher_key } : {}), ...(is_compressed ? { compression: "gzip" } : {}), ...(e_tag ? { md5: e_tag } : {}), ...instead,
    }));
    return { size: file.bytes.length, chunks };
  }

  #urls(name, index) {
    const { fileIds, replicas } = this.#files.get(name);
    return replicas.map((server) => `${this.store.volumes[server]}/${fileIds[index]}`);
  }

  #fault({ chunk, entry, action, ...match }) {
    const [file, index] = chunk ?? [];
    const of = chunk ? { fileId: this.#files.get(file).fileIds[index] } : {};
    const at = entry ? { path: this.#files.get(entry).path } : {};
    this.store.fault({ ...match, ...of, ...at }, { ...action, ...this.#redirect(action) });
  }

  #redirect({ redirect }) {
    if (typeof redirect !== "object") return {};
    const [file, index] = redirect.chunk;
    return { redirect: `${this.store[redirect.server] ?? this.store.volumes[Number(redirect.server.slice(-1))]}/${this.#files.get(file).fileIds[index]}` };
  }
}

function sharedStore(testCase) {
  const key = JSON.stringify(testCase);
  if (!sharedStores.has(key)) sharedStores.set(key, build(testCase));
  return sharedStores.get(key);
}

async function build({ cluster = null, files = {}, entries = {}, latency = 0, rate = 0 }) {
  const store = await startStore({ cluster });
  // A master sends no CORS headers. These are those of a proxy in front of it.
  store.fault({ server: "master" }, { headers: { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Authorization" } });
  const added = Object.entries(files).map(([name, file]) => [name, addFile(store, file)]);
  for (const [path, text] of Object.entries(entries)) store.addEntry(path, text);
  return { store: Object.assign(store, { latency, rate }), files: new Map(added) };
}

function addFile(store, { content: named, length, chunks, extended, ...file }) {
  const parts = chunks?.map(({ content: name, length: bytes, ...chunk }) => ({ ...chunk, bytes: content(name, bytes) }));
  const added = store.addFile({ ...file, ...(named ? { bytes: content(named, length) } : { chunks: parts }) });
  if (extended) store.addEntry(added.path, withExtended(added.entry, extended));
  return { ...added, replicas: file.replicas ?? [0], bytes: store.bytesOf(added.path) };
}

// The filer stores them in base64.
function withExtended(entry, extended) {
  const encoded = Object.fromEntries(Object.entries(extended).map(([name, value]) => [name, Buffer.from(value).toString("base64")]));
  return entry.replace('"Extended":null', `"Extended":${JSON.stringify(encoded)}`);
}
