// Which chunks a range lies in, where their stored bytes are those of the file.
import type { RemoteFile } from "kelp-stream";
import type { Extent } from "./budget";

/** The bytes that a range needs of one chunk, as positions in the file. */
export interface View extends Extent {
  fileId: string;
}

/** What makes the stored bytes of a chunk others than those of the file. */
const DECODED = /"cipher_key"|"is_compressed"|"is_chunk_manifest"|sse[-_]|server-side-encryption/i;

/**
 * The views of a range, in file order; `null` where some bytes have to be decoded, made up or chosen: of what is encrypted,
 * compressed or sparse, of chunks that overlap, and of those that a chunk manifest lists. The core's plan must be the same.
 */
export function plainViews(file: RemoteFile, entry: string, { start, end }: Extent): View[] | null {
  const { views: count, requests } = file.plan({ start, end });
  if (count === 0 || requests !== count || DECODED.test(entry)) return null;
  const views: View[] = [];
  let at = start;
  for (const chunk of chunksOf(entry)) {
    if (chunk.end <= start || chunk.start >= end) continue;
    if (Math.max(chunk.start, start) !== at) return null;
    views.push({ fileId: chunk.fileId, start: at, end: Math.min(chunk.end, end) });
    at = Math.min(chunk.end, end);
  }
  return at === end && views.length === count ? views : null;
}

// As whole chunks lie in the file; what is no list of chunks is an empty one.
function chunksOf(entry: string): View[] {
  const { chunks } = JSON.parse(entry) as { chunks?: unknown };
  if (!Array.isArray(chunks)) return [];
  const views = chunks.map(({ file_id: fileId, offset = 0, size = 0 }) => ({ fileId, start: offset, end: offset + size }));
  return views.filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start);
}
