// What a service worker and the pages that registered it say to each other.

/** The messages from a page to the worker. */
export const CLAIM = "kelp-stream: claim";
export const PING = "kelp-stream: ping";

/** Milliseconds between two messages to a worker that sends something: Firefox ends one that has no event for 30 seconds. */
const KEEP_ALIVE = 10_000;

/** Keeps the worker of a registration alive until `clearInterval` is called with the result. */
export const keepAlive = (registration) => setInterval(() => ping(registration), KEEP_ALIVE);

/** Makes the worker report how many bodies it sends. */
export const ping = ({ active }) => active?.postMessage(PING);

/** The channel on which a worker reports to all pages. Each registration of an origin has its own. */
export const channelOf = ({ scope }) => new BroadcastChannel(`kelp-stream: ${scope}`);
