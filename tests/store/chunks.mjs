// The bytes of a file from the chunks of its entry, as the filer reads them for its own GET.
import { createDecipheriv } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { formatFileId, parseFileId } from "./fileid.mjs";
import { readManifest } from "./manifest.mjs";
import { BrokenConnection } from "./reply.mjs";
import { liveHolders } from "./volume.mjs";

const ZEROS = Buffer.alloc(64 * 1024);

/** The chunks of an entry, with offset and size as numbers, and chunk manifests replaced by their chunks. */
export function dataChunks(cluster, listed) {
  const chunks = listed.map((chunk) => ({ ...chunk, offset: chunk.offset ?? 0, size: chunk.size ?? 0, modified_ts_ns: chunk.modified_ts_ns ?? 0n }));
  return chunks.flatMap((chunk) => (chunk.is_chunk_manifest ? childrenOf(cluster, chunk) : [chunk]));
}

// An unreadable chunk manifest crashes the handler of the real filer: it closes the connection without a response.
function childrenOf(cluster, chunk) {
  let children;
  try {
    children = readManifest(plaintext(cluster, chunk));
  } catch (error) {
    throw new BrokenConnection(`manifest ${chunkFileId(chunk).text}: ${error.message}`, { cause: error });
  }
  return dataChunks(cluster, children);
}

/** The file id of a chunk: as text, or in parts as in a chunk manifest. */
export const chunkFileId = ({ file_id, fid }) => parseFileId(file_id ??
  formatFileId({ volumeId: String(fid.volume_id), key: fid.file_key, cookie: fid.cookie }));

/** The views of a file: [start, end) and the visible chunk. The newest chunk wins; of equally new ones, the later in the list. */
export function viewsOf(chunks) {
  const points = chunks.flatMap((chunk, rank) => (chunk.size === 0 ? [] : [
    { at: chunk.offset, chunk, rank, opens: true }, { at: chunk.offset + chunk.size, chunk, rank, opens: false },
  ])).sort((a, b) => a.at - b.at);
  const open = new Map();
  const views = [];
  let from = 0;
  for (const { at, chunk, rank, opens } of points) {
    if (open.size > 0 && at > from) addView(views, from, at, newest(open));
    from = at;
    if (opens) open.set(rank, chunk);
    else open.delete(rank);
  }
  return views;
}

function newest(open) {
  const [best] = [...open].reduce((a, b) =>
    (b[1].modified_ts_ns > a[1].modified_ts_ns || (b[1].modified_ts_ns === a[1].modified_ts_ns && b[0] > a[0]) ? b : a));
  return open.get(best);
}

function addView(views, start, end, chunk) {
  const last = views.at(-1);
  if (last?.chunk === chunk && last.end === start) last.end = end;
  else views.push({ start, end, chunk });
}

/** The filer's error if the views cannot be read; null if they can. */
export function obstacle(cluster, views) {
  for (const { chunk } of views) {
    const { volumeId, text } = chunkFileId(chunk);
    if (liveHolders(cluster, volumeId).length === 0) {
      return `volume ${volumeId} not found for fileId ${text}: provider lookup failed: ` +
        `master volume lookup errors: volume ${volumeId}: volume id ${volumeId} not found\nvolume ${volumeId} not found`;
    }
    if (!findNeedle(cluster, chunk)) return `read chunk: ${text}: 404 Not Found: not found`;
  }
  return null;
}

function findNeedle(cluster, chunk) {
  const { volumeId, text } = chunkFileId(chunk);
  const needle = cluster.needles.get(text);
  return needle && liveHolders(cluster, volumeId).some((index) => needle.volumes.includes(index)) ? needle : null;
}

/** The decrypted and inflated bytes of a chunk, not clipped to its `size`. */
function plaintext(cluster, chunk) {
  const needle = findNeedle(cluster, chunk);
  if (!needle) throw new Error("not found");
  if (!chunk.cipher_key) return needle.plain;
  const opened = openSealed(needle.stored, Buffer.from(chunk.cipher_key, "base64"));
  return chunk.is_compressed ? gunzipSync(opened) : opened;
}

// Stored as nonce (12), ciphertext, tag (16).
function openSealed(stored, key) {
  const decipher = createDecipheriv("aes-256-gcm", key, stored.subarray(0, 12));
  decipher.setAuthTag(stored.subarray(-16));
  return Buffer.concat([decipher.update(stored.subarray(12, -16)), decipher.final()]);
}

/** The bytes [start, end) of a file in pieces; holes are zeros. Throws where the real filer breaks the connection. */
export function* filePieces(cluster, views, start, end) {
  let at = start;
  for (const view of views) {
    if (view.end <= at) continue;
    if (view.start >= end) break;
    yield* zeros(Math.max(view.start, at) - at);
    at = Math.max(view.start, at);
    const stop = Math.min(view.end, end);
    yield* viewPiece(cluster, view.chunk, at - view.chunk.offset, stop - view.chunk.offset);
    at = stop;
  }
  yield* zeros(end - at);
}

function* viewPiece(cluster, chunk, from, to) {
  const bytes = plaintext(cluster, chunk);
  // The filer sends a whole chunk whatever its size: more than the Content-Length breaks the connection.
  if (from === 0 && to === chunk.size && bytes.length > to) throw new BrokenConnection("wrote more than the declared Content-Length");
  yield bytes.subarray(from, to);
  if (bytes.length < to) throw new BrokenConnection(`chunk ${chunkFileId(chunk).text} is shorter than its size`);
}

function* zeros(count) {
  for (; count > 0; count -= ZEROS.length) yield ZEROS.subarray(0, Math.min(count, ZEROS.length));
}
