// What a behaviour may ask of the store. It runs in Node, beside the store; a page asks through `page.exposeFunction`,
// so all that goes in and out can be copied.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FIXTURES, noise, prose, signToken, startStore } from "../store/index.mjs";

/**
 * Starts a store and returns its control.
 * @param {"plain" | "cipher" | "jwt" | "s3" | null} cluster
 * @param {object} [options] those of `startStore`
 */
export async function startControl(cluster, options = {}) {
  return new Control(await startStore({ ...options, cluster }));
}

/** Bytes by their name, "noise:<seed>", "prose:<seed>", "utf8:<text>" or "base64:<bytes>". */
export function content(name, length) {
  const kind = name.slice(0, name.indexOf(":"));
  const seed = name.slice(kind.length + 1);
  if (kind === "noise") return noise(seed, length);
  if (kind === "prose") return prose(seed, length);
  if (kind === "base64") return Buffer.from(seed, "base64").subarray(0, length);
  if (kind === "utf8") return Buffer.from(seed).subarray(0, length);
  throw new TypeError(`no such content: ${name}`);
}

/** A store, as a behaviour sees it: every method takes and gives plain values. */
class Control {
  #store; #faults = [];

  constructor(store) {
    this.#store = store;
  }

  /** What does not change: where the servers are, what they show under TLS, and the captured cases. */
  about() {
    const { filer, master, volumes, cases, certificate } = this.#store;
    return { filer, master, volumes, cases, certificate };
  }

  /** As `Store.addFile`, but content is named: `{ content: "noise:a", length: 100 }` stands for its bytes. */
  addFile({ content: name, length, chunks, ...file }) {
    const cut = name === undefined ? { chunks: chunks?.map(withBytes) } : { bytes: content(name, length) };
    return this.#store.addFile({ ...file, ...cut });
  }

  addEntry(path, text) {
    this.#store.addEntry(path, text);
  }

  setLatency(ms) {
    this.#store.latency = ms;
  }

  setRate(bytesPerSecond) {
    this.#store.rate = bytesPerSecond;
  }

  setLink(bytesPerSecond) {
    this.#store.link = bytesPerSecond;
  }

  shapeVolume(index, own) {
    this.#store.shapeVolume(index, own);
  }

  /** The same, when so many more bytes have been sent. */
  shapeVolumeAfter(bytes, index, own) {
    this.#store.after(bytes, () => this.#store.shapeVolume(index, own));
  }

  /** Returns a number for `hits` and `removeFault`. `ranged` in a match: only requests with (or without) a Range. */
  fault({ ranged, ...match }, action) {
    const when = ranged === undefined ? {} : { when: ({ range }) => (range !== null) === ranged };
    return this.#faults.push(this.#store.fault({ ...match, ...when }, action)) - 1;
  }

  hits(fault) {
    return this.#faults[fault].hits;
  }

  removeFault(fault) {
    this.#faults[fault].remove();
  }

  /** The log without preflights: those are the browser's affair. */
  requests() {
    return this.#store.requests.filter(({ method }) => method !== "OPTIONS").map((record) => ({ ...record }));
  }

  inFlight() {
    return this.#store.inFlight;
  }

  /** Body bytes sent since resetLog. */
  bytesSent() {
    return this.#store.bytesSent;
  }

  resetLog() {
    this.#store.resetLog();
  }

  retireConnections(name) {
    this.#store.retireConnections(name);
  }

  killVolume(index) {
    return this.#store.killVolume(index);
  }

  reviveVolume(index) {
    return this.#store.reviveVolume(index);
  }

  /** Headers of the filer's own answer: what SeaweedFS says of a file. */
  async head(url) {
    const { status, headers } = await fetch(url, { method: "HEAD" });
    return { status, headers: Object.fromEntries(headers) };
  }

  /** What another reader than ours gets. */
  async text(url) {
    return (await fetch(url)).text();
  }

  /** The published vectors of AES-256-GCM. */
  vectors() {
    return JSON.parse(readFileSync(join(FIXTURES, "vectors/aes-256-gcm.json"), "utf8"));
  }

  /** A token that a volume server or the filer takes. */
  sign(kind, claims) {
    return signToken({ exp: Math.floor(Date.now() / 1000) + 60, ...claims }, this.#store.jwt[kind]);
  }

  close() {
    return this.#store.close();
  }
}

const withBytes = ({ content: name, length, ...chunk }) => ({ ...chunk, bytes: content(name, length) });
