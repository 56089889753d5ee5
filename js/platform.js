// Functions of the platform that the wasm module calls.
import { settle } from "./ticket.js";

/** Whether the platform has WebCrypto: in secure contexts, at the edge, in Node. */
export function hasSubtle() {
  return globalThis.crypto?.subtle !== undefined;
}

// `onLine === false` counts only after it has once been true: some platforms never set it, and servers on the same machine respond
// without a network.
let wasOnline = false;

/** Whether the platform reports that the network is gone. */
export function isOffline() {
  const onLine = globalThis.navigator?.onLine;
  wasOnline ||= onLine === true;
  return wasOnline && onLine === false;
}

isOffline();

/** Reports when there is a network. */
export function online(ticket) {
  let resume;
  const wait = () => isOffline() && new Promise((resolve) => globalThis.addEventListener?.("online", (resume = resolve), { once: true }));
  return settle(ticket, wait, () => "", () => globalThis.removeEventListener?.("online", resume));
}

/**
 * Whether a body is a byte stream. Its pieces are then new arrays that no one else has, since a byte stream takes over the memory of what
 * is put into it; other streams hand on arrays that may belong to the user's `fetch`.
 */
export function isByteStream(body) {
  try {
    const reader = body.getReader({ mode: "byob" });
    reader.releaseLock();
    return reader instanceof ReadableStreamBYOBReader;
  } catch {
    return false;
  }
}

// Not before the first response: to look at `Response` loads all of `fetch` in Node.
let urlOf, bodyOf;
const getter = (name) => Object.getOwnPropertyDescriptor(Response.prototype, name).get;

/**
 * Whether this is the body of a response that the platform received: one that a script made has no URL. Its pieces are new arrays that no
 * one else has, and to ask `isByteStream` costs as much as all that the core does for a small chunk.
 */
export function isReceived(response, body) {
  try {
    urlOf ??= getter("url");
    bodyOf ??= getter("body");
    return urlOf.call(response) !== "" && bodyOf.call(response) === body;
  } catch {
    return false;
  }
}
