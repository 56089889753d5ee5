// What an entry says of the stored bytes of its chunks: enough to refuse a wrong body before it is kept.

/** Nonce and authentication tag of an encrypted chunk, in bytes. */
const SEAL = 28;

/** What is known of a stored body. */
export interface Stored {
  /** Bytes that it has at least: after a truncation of the file it has more than the file uses. */
  least: number;
  /** MD5 of the whole body, in base64; `null` if the entry has none, or has that of the decoded bytes. */
  md5: string | null;
}

/** A chunk that is not in the entry: a chunk manifest lists it. */
export const UNKNOWN: Stored = { least: 1, md5: null };

/** A chunk as the entry has it. */
export interface Listed {
  file_id?: unknown;
  offset?: number;
  size?: number;
  e_tag?: unknown;
  cipher_key?: unknown;
  is_compressed?: boolean;
  is_chunk_manifest?: boolean;
}

/** What is known of the chunks, by file id. `entry`: the text that lists them. */
export function storedChunks(chunks: Listed[], entry: string): Map<string, Stored> {
  const stored = new Map<string, Stored>();
  for (const chunk of chunks) {
    const { file_id: id } = chunk;
    if (typeof id !== "string") continue;
    const { least, md5 } = describe(chunk, entry);
    stored.set(id, { least: Math.max(least, stored.get(id)?.least ?? 0), md5 });
  }
  return stored;
}

/** The chunks of an entry, in its order; empty if it has no list of them, or cannot be read, which the core reports. */
export function chunksOf(entry: string): Listed[] {
  try {
    const { chunks } = JSON.parse(entry) as { chunks?: unknown };
    return Array.isArray(chunks) ? chunks.filter((chunk) => typeof chunk === "object" && chunk !== null) : [];
  } catch {
    return [];
  }
}

/** The MD5 of the decoded bytes of a chunk, in base64; `null` if its writer noted none. */
export function md5Of({ e_tag: tag }: Listed): string | null {
  return typeof tag === "string" && /^[\w+/]{22}==$/.test(tag) ? tag : null;
}

function describe(chunk: Listed, entry: string): Stored {
  const { size = 0, cipher_key: key, is_compressed: isPacked = false, is_chunk_manifest: isManifest = false } = chunk;
  const isSealed = typeof key === "string" && key !== "";
  // The size of a chunk manifest is that of the chunks it lists, and packed bytes have any length.
  const bytes = isPacked || isManifest ? 1 : size;
  const isPlain = !isSealed && !isManifest && !/sse[-_]|server-side-encryption/i.test(entry);
  return { least: isSealed ? bytes + SEAL : bytes, md5: isPlain ? md5Of(chunk) : null };
}
