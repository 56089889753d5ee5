// The URLs of chunks.

/** The id of the chunk that a URL is of, at a volume server or through the filer; `null` for other URLs. */
export function fileIdOf({ searchParams, pathname }: URL): string | null {
  const id = searchParams.get("proxyChunkId") ?? pathname.slice(1);
  return /^\d+,[\da-f]+(_\d+)?$/.test(id) ? id : null;
}
