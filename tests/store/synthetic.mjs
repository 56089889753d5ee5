// Generated files: gzipped and encrypted chunks, with the entry that the filer would have.
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { viewsOf } from "./chunks.mjs";
import { makeChunk, makeEntry } from "./entry.mjs";
import { formatFileId, parseFileId } from "./fileid.mjs";
import { crc32c, makeNeedle } from "./needle.mjs";

const EPOCH_NS = 1795471475000000001n;

/**
 * Stores a file. Chunks are contiguous unless they have an offset.
 * @param {object} file
 * @param {string} file.path
 * @param {(Uint8Array | {bytes: Uint8Array, cipher?: boolean, gzip?: boolean, replicas?: number[], eTag?: false,
 *   offset?: number, size?: number, modifiedTsNs?: bigint})[]} [file.chunks] `size`: less than the bytes after a truncation
 * @param {Uint8Array} [file.bytes] instead of `chunks`: split every `chunkSize` bytes
 * @param {number[][]} [file.spread] the replicas of the chunks in order, repeated: [[0, 1], [1, 2]]
 * @param {number} [file.repeat] repeats the chunks this often, each with its own id, in the memory of one copy
 * @param {number} [file.size] of the file, if it is larger than its chunks
 * @param {boolean} [file.remote] the content is only in remote storage, from which the filer fetches `bytes` when the file is requested
 * `cipher`, `gzip`, `replicas` and `eTag` of the file are the defaults of its chunks.
 * @returns {{path: string, size: number, sha256: string, entry: string, fileIds: string[]}} `sha256`: of the content
 */
export function addFile(cluster, file) {
  return file.remote ? addRemote(cluster, file) : addChunks(cluster, file);
}

function addRemote(cluster, { path, bytes, mime, mtime }) {
  const remote = { storage_name: "cloud", remote_e_tag: "abc", remote_mtime: 1795500000, remote_size: bytes.length };
  const entry = makeEntry({ path, size: bytes.length, mime, mtime, remote });
  cluster.entries.set(path, entry);
  cluster.remotes.set(path, Buffer.from(bytes));
  return { path, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex"), entry, fileIds: [] };
}

function addChunks(cluster, { path, bytes, chunkSize, chunks = cutEvery(bytes, chunkSize), repeat = 1, spread, size = 0, mime, mtime, ...defaults }) {
  let end = 0;
  const packed = new Map();
  const stored = Array(repeat).fill(chunks).flat().map((chunk, i) => {
    const placed = spread ? { replicas: spread[i % spread.length] } : {};
    const about = { offset: end, modifiedTsNs: EPOCH_NS + BigInt(i), ...defaults, ...placed, ...(chunk instanceof Uint8Array ? { bytes: chunk } : chunk) };
    if (!packed.has(chunk)) packed.set(chunk, pack(about));
    const listed = addNewChunk(cluster, about, packed.get(chunk));
    end = about.offset + listed.size;
    return { listed, bytes: about.bytes };
  });
  const total = Math.max(size, ...stored.map(({ listed }) => (listed.offset ?? 0) + listed.size), 0);
  const entry = makeEntry({ path, size: total, chunks: stored.map(({ listed }) => listed), mime, mtime });
  cluster.entries.set(path, entry);
  cluster.painters.set(path, () => painted(stored, total));
  return { path, size: total, sha256: digest(stored, total), entry, fileIds: stored.map(({ listed }) => listed.file_id) };
}

function cutEvery(bytes, chunkSize) {
  if (!bytes || !(chunkSize > 0)) throw new TypeError("addFile needs chunks, or bytes and a chunkSize");
  return Array.from({ length: Math.ceil(bytes.length / chunkSize) }, (_, i) => bytes.subarray(i * chunkSize, (i + 1) * chunkSize));
}

function addNewChunk(cluster, { bytes, cipher, gzip, replicas = [0], eTag, offset, size = bytes.length, modifiedTsNs }, { stored, key, crc, md5 }) {
  const fileId = nextFileId(cluster, replicas);
  // Encrypted chunks are stored without a type, and without an e_tag.
  place(cluster, fileId, replicas, makeNeedle(stored, { gzip: gzip && !cipher, volumes: replicas, etag: `"${crc}"` }));
  return makeChunk({
    fileId, offset, size, modified_ts_ns: modifiedTsNs, is_compressed: gzip, cipher_key: key?.toString("base64"),
    e_tag: cipher || eTag === false ? undefined : md5,
  });
}

function pack({ bytes, cipher, gzip }) {
  const plain = gzip ? gzipSync(bytes) : Buffer.from(bytes);
  const key = cipher ? randomBytes(32) : undefined;
  const stored = cipher ? seal(plain, key) : plain;
  return { stored, key, crc: crc32c(stored), md5: createHash("md5").update(bytes).digest("base64") };
}

function seal(bytes, key) {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

/** Stores bytes under a file id on these volume servers; a new volume is placed there. */
export function addChunk(cluster, fileId, stored, { gzip = false, volumes = [0], mime } = {}) {
  const parsed = parseFileId(fileId);
  if (!parsed) throw new TypeError(`not a file id: ${fileId}`);
  place(cluster, parsed, volumes, makeNeedle(Buffer.from(stored), { gzip, volumes, mime, etag: `"${crc32c(stored)}"` }));
}

function place(cluster, fileId, volumes, needle) {
  if (volumes.some((index) => cluster.live[index] === undefined)) throw new RangeError(`no such volume server among ${volumes}`);
  if (!cluster.lookups.has(fileId.volumeId)) cluster.lookups.set(fileId.volumeId, volumes);
  cluster.needles.set(fileId.text, needle);
}

// One volume per set of replicas. Every other file id has a key above 2^53, as real ones may.
function nextFileId(cluster, replicas) {
  const key = BigInt(cluster.needles.size + 1) + (cluster.needles.size % 2 ? 1n << 60n : 0n);
  return parseFileId(formatFileId({ volumeId: volumeFor(cluster, replicas), key, cookie: randomBytes(4).readUInt32BE() }));
}

function volumeFor(cluster, replicas) {
  const made = (cluster.madeVolumes ??= new Map());
  const name = replicas.join();
  if (!made.has(name)) {
    made.set(name, String(1 + Math.max(0, ...[...cluster.lookups.keys()].map(Number))));
    cluster.lookups.set(made.get(name), replicas);
  }
  return made.get(name);
}

function digest(stored, total) {
  const hash = createHash("sha256");
  for (const bytes of painted(stored, total)) hash.update(bytes);
  return hash.digest("hex");
}

function* painted(stored, total) {
  const chunks = stored.map(({ listed, bytes }) => ({ ...listed, offset: listed.offset ?? 0, bytes, modified_ts_ns: listed.modified_ts_ns ?? 0n }));
  let at = 0;
  for (const { start, end, chunk } of viewsOf(chunks)) {
    if (start > at) yield Buffer.alloc(start - at);
    yield chunk.bytes.subarray(start - chunk.offset, end - chunk.offset);
    at = end;
  }
  if (total > at) yield Buffer.alloc(total - at);
}
