// Which chunks a range lies in, where their stored bytes are those of the file.
import type { RemoteFile } from "kelp-stream";
import type { Extent } from "./budget";
import { isFileId } from "./chunk";

/** The bytes that a range needs of one chunk, as positions in the file. */
export interface View extends Extent {
  fileId: string;
  /** As a header asks for them; `null` where they are the whole chunk. */
  range: string | null;
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
    if (Math.max(chunk.start, start) !== at || !isFileId(chunk.fileId)) return null;
    const view = { start: at, end: Math.min(chunk.end, end) };
    views.push({ fileId: chunk.fileId, ...view, range: rangeOf(view, chunk) });
    at = view.end;
  }
  return at === end && views.length === count ? views : null;
}

const rangeOf = (view: Extent, chunk: Extent): string | null =>
  view.start === chunk.start && view.end === chunk.end ? null : `bytes=${view.start - chunk.start}-${view.end - chunk.start - 1}`;

// As they lie in the file; what is no list of chunks is an empty one.
function chunksOf(entry: string): (Extent & { fileId: unknown })[] {
  const { chunks } = JSON.parse(entry) as { chunks?: unknown };
  if (!Array.isArray(chunks)) return [];
  const views = chunks.map(({ file_id: fileId, offset = 0, size = 0 }) => ({ fileId, start: offset, end: offset + size }));
  return views.filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start);
}
