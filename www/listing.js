// Lists a directory with the filer's own listing.

/** Entries in one request. Each comes with its list of chunks, so a page of them can be large. */
const PAGE = 1000;

/** { entries, after }: `after` is the last name of this page, null at the end of the directory. */
export async function listDirectory({ filer, files }, directory, after = "") {
  const query = new URLSearchParams({ limit: PAGE, lastFileName: after });
  // Exactly this Accept: the filer answers any other with HTML.
  const response = await fetch(`${fileUrl({ filer }, directory)}/?${query}`, { headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`the filer answers ${response.status}`);
  const { Entries, LastFileName, ShouldDisplayLoadMore } = await response.json();
  const known = new Map(files.map((file) => [file.path, file]));
  const entries = (Entries ?? []).map((entry) => ({ ...describe(entry), ...known.get(entry.FullPath) && { expected: known.get(entry.FullPath) } }));
  return { entries, after: ShouldDisplayLoadMore ? LastFileName : null };
}

/** The URL of a file at its filer. */
export const fileUrl = ({ filer }, path) => filer + path.replace(/\/$/, "").split("/").map(encodeURIComponent).join("/");

function describe({ FullPath, Mode, Mime, FileSize, Content, Remote, chunks }) {
  return {
    path: FullPath,
    name: FullPath.split("/").at(-1),
    isDirectory: (Mode & DIRECTORY) !== 0,
    type: Mime,
    // FileSize does not count inline content, whose base64 is a third longer than its bytes.
    size: FileSize || Remote?.remote_size || (Content ? atob(Content).length : 0),
    traits: [
      ...((chunks ?? []).some(({ cipher_key }) => cipher_key) ? ["encrypted"] : []),
      ...((chunks ?? []).some(({ is_compressed }) => is_compressed) ? ["gzip"] : []),
      ...((chunks ?? []).some(({ is_chunk_manifest }) => is_chunk_manifest) ? ["manifest"] : []),
      ...(Content ? ["inline"] : []),
      ...(Remote?.remote_size > 0 && !chunks ? ["remote"] : []),
    ],
    chunks: (chunks ?? []).length,
  };
}

// Go's os.ModeDir.
const DIRECTORY = 0x80000000;
