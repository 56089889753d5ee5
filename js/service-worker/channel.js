// What a service worker and the pages that registered it say to each other.

/** The messages from a page to the worker. */
export const CLAIM = "kelp-stream: claim";
export const PING = "kelp-stream: ping";

/** The channel on which a worker reports to all pages. Each registration of an origin has its own. */
export const channelOf = ({ scope }) => new BroadcastChannel(`kelp-stream: ${scope}`);
