// File ids: "<volume id>,<key hex><cookie, 8 hex digits>".

/**
 * Parses a file id; null if it is malformed. `_n` at the end adds n to the key, as in a batch assignment.
 * @returns {{volumeId: string, key: bigint, cookie: number, text: string} | null} `text` is the canonical spelling
 */
export function parseFileId(text) {
  const match = /^(\d+),([0-9a-fA-F]{9,24})(?:_(\d+))?$/.exec(text);
  if (!match) return null;
  const [, volumeId, hex, delta = "0"] = match;
  const key = BigInt("0x" + hex.slice(0, -8)) + BigInt(delta);
  const cookie = parseInt(hex.slice(-8), 16);
  return { volumeId, key, cookie, text: formatFileId({ volumeId, key, cookie }) };
}

/** Writes a file id as SeaweedFS does: the key without leading zero bytes. */
export function formatFileId({ volumeId, key, cookie }) {
  const hex = key.toString(16);
  const bytes = hex.length % 2 ? "0" + hex : hex;
  return `${volumeId},${bytes}${cookie.toString(16).padStart(8, "0")}`;
}

/** The file id in a path of a volume server: /3,16.. or /3/16.., with or without a name or an extension. */
export function fileIdInPath(path) {
  const match = /^\/(\d+)[,/]([^/.]+)(?:[./].*)?$/.exec(path);
  return match ? `${match[1]},${match[2]}` : null;
}
