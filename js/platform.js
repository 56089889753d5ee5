// Functions of the platform that the wasm module calls.

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

/** Resolves when the platform reports a network, or when `signal` is aborted. */
export function online(signal) {
  return new Promise((resolve) => {
    if (!isOffline()) return resolve();
    globalThis.addEventListener?.("online", resolve, { once: true, signal });
    signal.addEventListener("abort", resolve, { once: true });
  });
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
