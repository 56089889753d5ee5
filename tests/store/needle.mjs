// A needle: one chunk as a volume server stores it.
import { gunzipSync } from "node:zlib";

/**
 * @param {Buffer} stored the bytes on disk, gzipped and encrypted by the writer if at all
 * @param {{gzip?: boolean, volumes: number[], mime?: string, disposition?: string, etag: string, modified?: string}} about
 *   `mime`: the stored one; without it the server detects it from the bytes; `volumes`: the servers that hold it
 */
export function makeNeedle(stored, { gzip = false, volumes, mime, disposition, etag, modified }) {
  let inflated;
  return {
    stored, gzip, volumes, mime, disposition, etag,
    modified: modified ?? new Date(0).toUTCString(),
    get plain() { return gzip ? (inflated ??= gunzipSync(stored)) : stored; },
  };
}

const TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  for (let bit = 0; bit < 8; bit++) i = i & 1 ? (i >>> 1) ^ 0x82f63b78 : i >>> 1;
  return i >>> 0;
});

/** The CRC-32C of bytes as 8 hex digits: the ETag of a volume server. */
export function crc32c(bytes) {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}

const SIGNATURES = [
  ["1f8b08", "application/x-gzip"], ["89504e470d0a1a0a", "image/png"], ["ffd8ff", "image/jpeg"],
  ["1a45dfa3", "video/webm"], ["255044462d", "application/pdf"], ["504b0304", "application/zip"],
].map(([hex, mime]) => [Buffer.from(hex, "hex"), mime]);

/** The content type that Go detects, for the types that chunks have; undefined for no bytes. */
export function guessMime(bytes) {
  if (bytes.length === 0) return undefined;
  for (const [magic, mime] of SIGNATURES) {
    if (bytes.subarray(0, magic.length).equals(magic)) return mime;
  }
  return bytes.subarray(0, 512).some(isBinary) ? "application/octet-stream" : "text/plain; charset=utf-8";
}

const isBinary = (byte) =>
  byte <= 8 || byte === 0x0b || (byte >= 0x0e && byte <= 0x1a) || (byte >= 0x1c && byte <= 0x1f);
