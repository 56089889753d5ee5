// A download through the site's service worker: the browser writes the bytes to disk as they arrive, whatever the size.
import { KelpError } from "../error.js";
import { channelOf, keepAlive } from "../service-worker/channel.js";

/** How long the worker may take to begin, in milliseconds: it opens the file first. */
const PATIENCE = 60_000;

/** Resolves to the number of bytes when the worker has handed all of them to the browser. */
export async function saveThroughWorker({ name, signal, watch, url }) {
  const registration = await navigator.serviceWorker?.getRegistration(url.href);
  if (!registration?.active) throw new KelpError("unsupported", "no service worker serves the URL");
  const id = crypto.randomUUID();
  const target = new URL(url);
  target.searchParams.set("download", name);
  target.searchParams.set("download-id", id);
  // A link with the attribute `download` would go past the worker in Chromium.
  const frame = Object.assign(document.createElement("iframe"), { hidden: true, src: target.href });
  const channel = channelOf(registration);
  const alive = keepAlive(registration);
  let late, stop;
  try {
    return await new Promise((resolve, reject) => {
      late = setTimeout(() => reject(new KelpError("timeout", "the service worker did not answer", { retryable: true })), PATIENCE);
      channel.onmessage = ({ data }) => {
        if (data.download !== id) return;
        clearTimeout(late);
        if (data.kind === "progress" || data.kind === "start") watch.wrote(data.delivered);
        if (data.kind === "end") resolve(data.delivered);
        if (data.kind === "error") reject(new KelpError(data.code, data.message));
        if (data.kind === "cancel") reject(new DOMException("the download was cancelled", "AbortError"));
      };
      stop = () => {
        channel.postMessage({ kind: "stop", download: id });
        reject(signal.reason);
      };
      signal?.addEventListener("abort", stop);
      document.body.append(frame);
    });
  } finally {
    clearInterval(alive);
    clearTimeout(late);
    signal?.removeEventListener("abort", stop);
    channel.close();
    frame.remove();
  }
}
