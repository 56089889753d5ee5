// The functions of the store for behaviours. They run in Node next to the store. Pages call them through `page.exposeFunction`, so all
// arguments and results can be cloned.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FIXTURES, noise, prose, signToken, startStore } from "../store/index.mjs";

/**
 * Starts a store and returns its control.
 * @param {"plain" | "cipher" | "jwt" | "s3" | null} cluster
 * @param {object} [options] options of `startStore`
 */
export async function startControl(cluster, options = {}) {
  return new Control(await startStore({ ...options, cluster }));
}

/** The bytes of a content: "noise:<seed>", "prose:<seed>", "utf8:<text>" or "base64:<bytes>". */
export function content(name, length) {
  const kind = name.slice(0, name.indexOf(":"));
  const seed = name.slice(kind.length + 1);
  if (kind === "noise") return noise(seed, length);
  if (kind === "prose") return prose(seed, length);
  if (kind === "base64") return Buffer.from(seed, "base64").subarray(0, length);
  if (kind === "utf8") return Buffer.from(seed).subarray(0, length);
  throw new TypeError(`unknown content: ${name}`);
}

/** A store for behaviours. All methods take and return values that can be cloned. */
class Control {
  #store; #faults = [];

  constructor(store) {
    this.#store = store;
  }

  /** Constants: the origins of the servers, their certificate, and the captured cases. */
  about() {
    const { filer, master, volumes, cases, certificate } = this.#store;
    return { filer, master, volumes, cases, certificate };
  }

  /** As `Store.addFile`, with named content: `{ content: "noise:a", length: 100 }`. */
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

  /** The same, after this many further bytes were sent. */
  shapeVolumeAfter(bytes, index, own) {
    this.#store.after(bytes, () => this.#store.shapeVolume(index, own));
  }

  /** Returns the id for `hits` and `removeFault`. `ranged` in a match: only requests with (or without) a Range. */
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

  /** The log without CORS preflights, which only browsers send. */
  requests() {
    return this.#store.requests.filter(({ method }) => method !== "OPTIONS").map((record) => ({ ...record }));
  }

  inFlight() {
    return this.#store.inFlight;
  }

  /** Bytes of bodies sent since resetLog. */
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

  /** The headers with which SeaweedFS itself serves a file. */
  async head(url) {
    const { status, headers } = await fetch(url, { method: "HEAD" });
    return { status, headers: Object.fromEntries(headers) };
  }

  /** The response to a plain fetch. */
  async text(url) {
    return (await fetch(url)).text();
  }

  /** The published test vectors of AES-256-GCM. */
  vectors() {
    return JSON.parse(readFileSync(join(FIXTURES, "vectors/aes-256-gcm.json"), "utf8"));
  }

  /** A token that a volume server or the filer accepts. */
  sign(kind, claims) {
    return signToken({ exp: Math.floor(Date.now() / 1000) + 60, ...claims }, this.#store.jwt[kind]);
  }

  close() {
    return this.#store.close();
  }
}

const withBytes = ({ content: name, length, ...chunk }) => ({ ...chunk, bytes: content(name, length) });
