// What the platform does better than wasm, in the words in which the platform has it.

/** Whether there is WebCrypto: in secure contexts, at the edge, in Node. */
export function hasSubtle() {
  return globalThis.crypto?.subtle !== undefined;
}

// Where it was never said that there is a network, that there is none says nothing: servers on the same machine answer.
let wasOnline = false;

/** Whether the platform knows that the network is gone. */
export function isOffline() {
  const said = globalThis.navigator?.onLine;
  wasOnline ||= said === true;
  return wasOnline && said === false;
}

isOffline();

/** Resolves when the platform believes that there is a network, or when `signal` is aborted. */
export function online(signal) {
  return new Promise((resolve) => {
    if (!isOffline()) return resolve();
    globalThis.addEventListener?.("online", resolve, { once: true, signal });
    signal.addEventListener("abort", resolve, { once: true });
  });
}

/** Whether a `fetch`, perhaps the user's own and of another realm, gave what it should. */
export function isResponse(value) {
  try {
    return typeof value?.status === "number" && typeof value.headers?.get === "function";
  } catch {
    return false;
  }
}

/** Joins pieces into one array. */
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

/** AES-256-GCM of `nonce (12) || ciphertext || tag (16)`; rejects if the tag does not fit. */
export async function decrypt(key, stored) {
  const { subtle } = globalThis.crypto;
  const imported = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  const iv = stored.subarray(0, 12);
  return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv }, imported, stored.subarray(12)));
}
