// The JSON of an entry: a Go struct, with 64-bit integers as numbers.

const WIDE = /"(modified_ts_ns|Inode|file_key|last_local_sync_ts_ns)":(\d+)/g;
const WIDE_KEYS = new Set(["modified_ts_ns", "Inode", "file_key", "last_local_sync_ts_ns"]);

/** Parses an entry. Fields that may exceed 2^53, which JSON.parse would round, become bigints. */
export function parseEntry(text) {
  return JSON.parse(text.replace(WIDE, '"$1":"$2"'), (key, value) =>
    (WIDE_KEYS.has(key) ? BigInt(value) : value));
}

/** Writes JSON as Go does: bigints as bare numbers, <, >, & escaped. */
export function goJson(value) {
  const marked = JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `\u0000${item}` : item));
  return marked
    .replace(/"\\u0000(-?\d+)"/g, "$1")
    .replace(/[<>&\u2028\u2029]/g, (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"));
}

/** An entry with all keys of the filer, in its order; `chunks` only if there are any. */
export function makeEntry({ path, size = 0, chunks = [], mime = "", mtime = new Date(), mode = 432, content = null, extended = null, remote = null }) {
  const time = goTime(mtime);
  return goJson({
    FullPath: path, Mtime: time, Crtime: time, Ctime: time, Atime: time, Mode: mode, Uid: 0, Gid: 0,
    Mime: mime === "application/octet-stream" ? "" : mime, TtlSec: 0, UserName: "", GroupNames: null, SymlinkTarget: "",
    Md5: null, FileSize: size, Rdev: 0, Inode: inodeOf(path), Extended: extended,
    ...(chunks.length ? { chunks } : {}),
    HardLinkId: null, HardLinkCounter: 0, Content: content, Remote: remote, Quota: 0, WORMEnforcedAtTsNs: 0,
  });
}

// RFC 3339 as Go writes it: without a fraction if it is zero.
const goTime = (date) => new Date(date).toISOString().replace(/\.?0*Z$/, "Z");

// Above 2^63, like the inodes of the real filer.
function inodeOf(path) {
  let hash = 14695981039346656037n;
  for (const byte of Buffer.from(path)) hash = ((hash ^ BigInt(byte)) * 1099511628211n) & 0xffffffffffffffffn;
  return hash | (1n << 63n);
}

/** A chunk as in an entry, in Go's order, with omitempty: zero values are left out. */
export function makeChunk({ fileId, ...chunk }) {
  const listed = {
    file_id: fileId.text, ...pick(chunk, "offset", "size", "modified_ts_ns", "e_tag"),
    fid: { volume_id: Number(fileId.volumeId), file_key: fileId.key, cookie: fileId.cookie },
    ...pick(chunk, "cipher_key", "is_compressed", "is_chunk_manifest", "sse_type", "sse_metadata"),
  };
  return Object.fromEntries(Object.entries(listed).filter(([, value]) => value));
}

const pick = (from, ...keys) => Object.fromEntries(keys.map((key) => [key, from[key]]));
