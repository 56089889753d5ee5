// Sets the stage for a case: a store with its files and its faults, and the task that a reader is given.
import { parseEntry, signToken, startStore, urlOf } from "../store/index.mjs";
import { content } from "../package/control.mjs";

// What no case changes is built once: a captured cluster is ten thousand files.
const scenes = new Map();

/** Closes what stages shared. */
export async function strike() {
  for (const scene of scenes.values()) await (await scene).store.close();
  scenes.clear();
}

/** A case on its stage: `task` for the reader, what is right to judge it by, and the store that saw it. */
export class Stage {
  /** `{ servers, open: { by, target, known, options }, steps }`, in plain values. */
  task;
  store;
  #files; #isShared; #read;

  /** @param {object} about a case of list.mjs */
  static async set(about) {
    const stage = new Stage();
    stage.#isShared = about.faults.length + about.dead.length === 0 && !about.kill;
    const { store, files } = await (stage.#isShared ? sharedScene(about.store) : build(about.store));
    Object.assign(stage, { store });
    stage.#files = files;
    try {
      await stage.#prepare(about);
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  async #prepare({ open, steps, faults, dead, kill }) {
    const { store } = this;
    for (const fault of faults) this.#fault(fault);
    for (const index of dead) await store.killVolume(index);
    // Where it ends is up to the case; it fails by what is read.
    if (kill) store.after(kill.after, () => store.killVolume(kill.volume).catch((error) => store.errors.push(error)));
    const { filer, master, volumes } = store;
    this.task = { servers: { filer, master, volumes }, open: this.#open(open), steps: steps.map(({ read, stop, answer }) => ({ read, stop, answer })) };
    store.resetLog();
  }

  /** The right bytes of the file that is read, from `start` to `end`. */
  right(start, end) {
    return this.#read.bytes.subarray(start, end);
  }

  get size() {
    return this.#read?.bytes.length;
  }

  /** Requests for chunks, oldest first; a browser's preflights are its own affair. */
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

  // By the name of a file: its chunks, one after the other. Else a list of chunks that names those of files.
  #manifest(about) {
    const name = typeof about === "string" ? about : about.of;
    if (name === undefined) {
      const { bytes, chunks, ...rest } = about;
      this.#read = { bytes: this.#file(bytes).bytes.subarray(0, about.size) };
      return { ...rest, chunks: chunks.map(({ of: [file, index], ...chunk }) => ({ ...chunk, urls: this.#urls(file, index) })) };
    }
    const file = this.#file(name);
    const { of, ...instead } = typeof about === "string" ? {} : about;
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

function sharedScene(about) {
  const key = JSON.stringify(about);
  if (!scenes.has(key)) scenes.set(key, build(about));
  return scenes.get(key);
}

async function build({ cluster = null, files = {}, entries = {}, latency = 0, rate = 0 }) {
  const store = await startStore({ cluster });
  // A real master lets no page of another origin read it: what stands in front of it for them does.
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

// As the filer stores them: in base64.
function withExtended(entry, extended) {
  const encoded = Object.fromEntries(Object.entries(extended).map(([name, value]) => [name, Buffer.from(value).toString("base64")]));
  return entry.replace('"Extended":null', `"Extended":${JSON.stringify(encoded)}`);
}
