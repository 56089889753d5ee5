// The views of a range whose stored bytes are the bytes of the file.
import type { RemoteFile } from "kelp-stream";
import type { Extent } from "./budget";
import { isFileId } from "./file-id";
import type { Listed } from "./listed";

/** The bytes of one chunk that a range needs, as positions in the file. */
export interface View extends Extent {
  fileId: string;
  /** The value of the Range header for them; `null` if they are the whole chunk. */
  range: string | null;
}

/** Fields of an entry whose chunks must be decoded. */
const DECODED = /"cipher_key"|"is_compressed"|"is_chunk_manifest"|sse[-_]|server-side-encryption/i;

/**
 * The views of a range, in file order; `null` if the range has chunks that are encrypted, compressed, overlap or are listed by a
 * chunk manifest, or has holes. The core's plan of the range must have the same number of views.
 */
export function plainViews(file: RemoteFile, entry: string, chunks: Listed[], { start, end }: Extent): View[] | null {
  const { views: count, requests } = file.plan({ start, end });
  if (count === 0 || requests !== count || DECODED.test(entry)) return null;
  const views: View[] = [];
  let at = start;
  for (const chunk of extentsOf(chunks)) {
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

/** Whether the body of a response is exactly the bytes of a view. */
export function isExactly({ status, headers, body }: Response, { start, end, range }: View): boolean {
  if (!body || headers.has("content-encoding") || headers.get("content-length") !== String(end - start)) return false;
  if (range === null) return status === 200;
  return status === 206 && (headers.get("content-range") ?? "").startsWith(`${range.replace("=", " ")}/`);
}

// In file order.
function extentsOf(chunks: Listed[]): (Extent & { fileId: unknown })[] {
  const extents = chunks.map(({ file_id: fileId, offset = 0, size = 0 }) => ({ fileId, start: offset, end: offset + size }));
  return extents.filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start);
}
