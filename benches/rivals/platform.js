// Decoding by hand with what the browser has: WebCrypto and DecompressionStream. Runs in the page and in decode-worker.js.
import { drain } from "./ordered.js";

/**
 * Decodes the stored pieces of a chunk. Its tag and the checks of gzip are all that is verified.
 * @param {Uint8Array[]} pieces
 * @param {{ key?: Uint8Array, gzip?: boolean }} chunk
 * @param {(piece: Uint8Array) => void} add is called for each decoded piece
 */
export async function open(pieces, { key, gzip }, add) {
  const plain = key ? [await decrypt(join(pieces), key)] : pieces;
  if (gzip) return gunzip(plain, add);
  plain.forEach(add);
}

/** Stored as nonce (12), ciphertext, tag (16). */
export async function decrypt(stored, bytes) {
  const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["decrypt"]);
  const iv = stored.subarray(0, 12);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, stored.subarray(12)));
}

// Writing to the stream and keeping its pieces is twice as fast as to make a Response or a Blob of them.
async function gunzip(pieces, add) {
  const { writable, readable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const writing = Promise.all([...pieces.map((piece) => writer.write(piece)), writer.close()]);
  await Promise.all([writing, drain(readable, add)]);
}

/** Joins pieces into one array. */
export function join(pieces) {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
