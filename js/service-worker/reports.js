// What a service worker reports to the pages of its registration: which bodies it sends, how far they are, and why they failed.
import { CLAIM, PING, channelOf } from "./channel.js";

/** The least time between two reports of one body, in milliseconds. */
const INTERVAL = 250;

/** Reports on the channel of the registration. Outside of a service worker there is none, and nothing is reported. */
export class Reports {
  #channel;
  #running = 0;
  #last = 0;
  /** The bodies that a page may stop, by the name that it gave them. */
  #stops = new Map();

  constructor() {
    if (typeof ServiceWorkerGlobalScope === "undefined" || !(globalThis instanceof ServiceWorkerGlobalScope)) return;
    this.#channel = channelOf(globalThis.registration);
    this.#channel.onmessage = ({ data }) => data.kind === "stop" && this.#stops.get(data.download)?.();
    // The event itself gives the worker another while to live.
    globalThis.addEventListener("message", (event) => {
      if (event.data === CLAIM) event.waitUntil(globalThis.clients.claim());
      if (event.data === PING) this.#tellRunning();
    });
  }

  /** Reports of one request, which a page may have given a name. `start` is called if a body follows. */
  begin(path, clientId, download) {
    const body = { id: ++this.#last, path, clientId, delivered: 0, length: null, ...(download === null ? {} : { download }) };
    let isRunning = false;
    let reported = 0;
    const report = (kind, more) => this.#channel?.postMessage({ ...body, kind, ...more });
    return {
      start: (length, stop) => {
        isRunning = true;
        if (download !== null) this.#stops.set(download, stop);
        if (length !== null) body.length = Number(length);
        report("start");
        if (++this.#running === 1) this.#tellRunning();
      },
      seen: (bytes) => {
        body.delivered += bytes;
        if (Date.now() - reported < INTERVAL) return;
        reported = Date.now();
        report("progress");
      },
      /** Without an error, a body that ended before its length was cancelled. */
      end: (error) => {
        this.#stops.delete(download);
        if (error !== undefined) report("error", { code: error?.code ?? error?.name, message: error?.message });
        else if (isRunning) report(body.length === null || body.delivered === body.length ? "end" : "cancel");
        if (isRunning && --this.#running === 0) this.#tellRunning();
      },
    };
  }

  close() {
    this.#channel?.close();
    this.#channel = undefined;
  }

  #tellRunning() {
    this.#channel?.postMessage({ kind: "running", count: this.#running });
  }
}
