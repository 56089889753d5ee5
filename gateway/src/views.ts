// The views of a range whose stored bytes are the bytes of the file.
import type { RemoteFile } from "kelp-stream";
import type { Extent } from "./budget";
import { isFileId } from "./file-id";
import { type Listed, md5Of } from "./listed";

/** The bytes of one chunk that a range needs, as positions in the file. */
export interface View extends Extent {
  fileId: string;
  /** Where the chunk begins. */
  origin: number;
  /** The value of the Range header for them; `null` if they are the whole chunk. */
  range: string | null;
  /** MD5 in base64; `null` if it is not known, or they are not the whole chunk. */
  md5: string | null;
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
    const view = { fileId: chunk.fileId, origin: chunk.start, start: at, end: Math.min(chunk.end, end) };
    const isWhole = view.start === chunk.start && view.end === chunk.end;
    views.push({ ...view, range: isWhole ? null : rangeOf(view), md5: isWhole ? chunk.md5 : null });
    at = view.end;
  }
  return at === end && views.length === count ? views : null;
}

/** The view from a position in it on. */
export function from(view: View, start: number): View {
  return start === view.start ? view : { ...view, start, range: rangeOf({ ...view, start }), md5: null };
}

const rangeOf = ({ origin, start, end }: Omit<View, "range" | "md5">): string => `bytes=${start - origin}-${end - origin - 1}`;

/** Whether the body of a response is exactly the bytes of a view. */
export function isExactly({ status, headers, body }: Response, { start, end, range }: View): boolean {
  if (!body || headers.has("content-encoding") || headers.get("content-length") !== String(end - start)) return false;
  if (range === null) return status === 200;
  return status === 206 && (headers.get("content-range") ?? "").startsWith(`${range.replace("=", " ")}/`);
}

// In file order.
function extentsOf(chunks: Listed[]): (Extent & { fileId: unknown; md5: string | null })[] {
  const extents = chunks.map((chunk) => {
    const { file_id: fileId, offset = 0, size = 0 } = chunk;
    return { fileId, start: offset, end: offset + size, md5: md5Of(chunk) };
  });
  return extents.filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start);
}
