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

/** Whether a value is a Response. It may be of another realm, or come from the user's `fetch`. */
export function isResponse(value) {
  try {
    return typeof value?.status === "number" && typeof value.headers?.get === "function";
  } catch {
    return false;
  }
}

/** Joins pieces into one array of `length` bytes. */
export function join(pieces, length) {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Decrypts AES-256-GCM of `nonce (12) || ciphertext || tag (16)`; rejects if the tag does not match. */
export async function decrypt(key, stored) {
  const { subtle } = globalThis.crypto;
  const imported = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  const iv = stored.subarray(0, 12);
  return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv }, imported, stored.subarray(12)));
}
