// File ids, and the URLs that contain them.

/** The file id in the URL of a chunk, at a volume server or relayed by the filer; `null` for other URLs. */
export function fileIdOf({ searchParams, pathname }: URL): string | null {
  const id = searchParams.get("proxyChunkId") ?? pathname.slice(1);
  return isFileId(id) ? id : null;
}

/** Whether a text is a volume and a key, and nothing that changes the path of a URL. */
export function isFileId(id: unknown): id is string {
  return typeof id === "string" && /^\d+,[\da-f]+(_\d+)?$/.test(id);
}
