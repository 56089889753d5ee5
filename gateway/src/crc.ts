// CRC-32C (Castagnoli), which a volume server sends as the ETag of a chunk. It is computed only if the MD5 of the entry does not fit.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** As eight hexadecimal digits. */
export function crc32c(bytes: Uint8Array): string {
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 255]!;
  return (~crc >>> 0).toString(16).padStart(8, "0");
}
