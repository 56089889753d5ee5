// Passes a body on, and keeps a copy that is stored if it turns out to be whole and right.
import { crc32c } from "./crc";

/** Bytes that the isolate may copy at a time: a slow reader of a body makes the runtime hold them once more. */
const MOST = 16 * 2 ** 20;

let held = 0;

export interface Copy {
  /** Bytes that the response announced. */
  length: number;
  /** MD5 in base64; `null` if it is not known. */
  md5: string | null;
  /** CRC-32C in hexadecimal digits, which may fit instead; `null` if it does not count. */
  crc: string | null;
}

/** The body for its reader, and the end of all work on it; `null` if there is no room for a copy. */
export function keep(body: ReadableStream<Uint8Array>, { length, md5, crc }: Copy, put: (bytes: Uint8Array) => Promise<unknown>): { body: ReadableStream<Uint8Array>; done: Promise<void> } | null {
  if (held + length > MOST) return null;
  held += length;
  const [main, copy] = body.tee();
  const done = bytesOf(copy, length)
    .then(async (bytes) => (bytes && (await isRight(bytes, md5, crc)) ? put(bytes) : null))
    // A chunk that cannot be stored is fetched again.
    .then(() => {}, () => {})
    .finally(() => (held -= length));
  return { body: main, done };
}

/** All bytes of a body; `null` if there are not exactly this many. The core may abort the request after the last one: it needs no end. */
async function bytesOf(body: ReadableStream<Uint8Array>, length: number): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(length);
  const reader = body.getReader();
  for (let at = 0; ; ) {
    const { value, done } = await reader.read().catch((error) => {
      if (at < length) throw error;
      return { value: undefined, done: true as const };
    });
    if (done) return at === length ? bytes : null;
    if (at + value.length > length) return reader.cancel().then(() => null);
    bytes.set(value, at);
    at += value.length;
  }
}

async function isRight(bytes: Uint8Array, md5: string | null, crc: string | null): Promise<boolean> {
  if (md5 === null) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("MD5", bytes));
  return btoa(String.fromCharCode(...digest)) === md5 || (crc !== null && crc32c(bytes) === crc);
}
