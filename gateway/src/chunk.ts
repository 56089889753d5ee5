// Chunks, as servers name and send them.
import type { View } from "./views";

/** The file id in the URL of a chunk, at a volume server or relayed by the filer; `null` for other URLs. */
export function fileIdOf({ searchParams, pathname }: URL): string | null {
  const id = searchParams.get("proxyChunkId") ?? pathname.slice(1);
  return isFileId(id) ? id : null;
}

/** Whether a text is a volume and a key, and nothing that changes the path of a URL. */
export function isFileId(id: unknown): id is string {
  return typeof id === "string" && /^\d+,[\da-f]+(_\d+)?$/.test(id);
}

/** Whether the body of a response is exactly the bytes of a view. */
export function isExactly({ status, headers, body }: Response, { start, end, range }: View): boolean {
  if (!body || headers.has("content-encoding") || headers.get("content-length") !== String(end - start)) return false;
  if (range === null) return status === 200;
  return status === 206 && (headers.get("content-range") ?? "").startsWith(`${range.replace("=", " ")}/`);
}
