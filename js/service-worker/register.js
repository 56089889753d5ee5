// The part of a page: it registers the site's service worker, and keeps it alive while it sends something.
import { callable, dictionary, string, word } from "../check.js";
import { notify } from "../functions.js";
import { CLAIM, channelOf, keepAlive, ping } from "./channel.js";

/** How long the worker may take to control the page, in milliseconds. */
const PATIENCE = 10_000;

/** Registers a service worker that calls `createHandler`; service-worker.d.ts explains it. */
export async function register(script, options) {
  const { scope, type, onReport } = dictionary(options, "options", "scope type onReport");
  const init = { scope: string(scope, "scope"), type: word(type, "type", ["module", "classic"]) };
  callable(onReport, "onReport");
  const container = globalThis.navigator?.serviceWorker;
  // It is missing in pages of plain http and in private windows of some browsers.
  if (container === undefined) throw new TypeError("this page has no service workers: they need https, or localhost");
  const registration = await container.register(script, init);
  if (!globalThis.location.href.startsWith(registration.scope)) throw new RangeError(`the page is outside of the worker's scope, ${registration.scope}`);
  const worker = await activated(registration);
  await controlled(container, worker);
  return listen(registration, onReport);
}

/** The worker of a registration once it is active. */
async function activated(registration) {
  if (registration.active) return registration.active;
  const worker = registration.installing ?? registration.waiting;
  await new Promise((resolve, reject) => {
    const look = () => {
      if (["activating", "activated"].includes(worker.state)) resolve();
      if (worker.state === "redundant") reject(new Error("the service worker could not be installed"));
    };
    worker.addEventListener("statechange", look);
    look();
  });
  return worker;
}

/** Resolves when the page is controlled. A page that was there before the worker, or was reloaded past it, is not. */
function controlled(container, worker) {
  if (container.controller) return;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the service worker does not control the page: it must call createHandler when it starts")), PATIENCE);
    container.addEventListener("controllerchange", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
    worker.postMessage(CLAIM);
  });
}

function listen(registration, onReport) {
  const channel = channelOf(registration);
  let timer;
  channel.onmessage = ({ data }) => {
    if (data.kind !== "running") return notify(onReport, data, "onReport");
    if (data.count > 0) timer ??= keepAlive(registration);
    else timer = clearInterval(timer);
  };
  // The worker may be sending something already, for another page.
  ping(registration);
  const close = () => {
    clearInterval(timer);
    channel.close();
  };
  return { registration, close };
}
