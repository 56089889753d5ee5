// What lies in a directory, from the filer's own listing.

/** How many entries are asked for at once: each comes with its list of chunks. */
const PAGE = 1000;

/** { entries, after }: `after` is the name to go on behind, null at the end. */
export async function listDirectory({ filer, files }, directory, after = "") {
  const query = new URLSearchParams({ limit: PAGE, lastFileName: after });
  // Exactly this Accept: anything else is answered with HTML.
  const response = await fetch(`${fileUrl({ filer }, directory)}/?${query}`, { headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`the filer answers ${response.status}`);
  const { Entries, LastFileName, ShouldDisplayLoadMore } = await response.json();
  const known = new Map(files.map((file) => [file.path, file]));
  const entries = (Entries ?? []).map((entry) => ({ ...describe(entry), ...known.get(entry.FullPath) && { expected: known.get(entry.FullPath) } }));
  return { entries, after: ShouldDisplayLoadMore ? LastFileName : null };
}

/** Where a file is at its filer. */
export const fileUrl = ({ filer }, path) => filer + path.replace(/\/$/, "").split("/").map(encodeURIComponent).join("/");

function describe({ FullPath, Mode, Mime, FileSize, Content, Remote, chunks }) {
  return {
    path: FullPath,
    name: FullPath.split("/").at(-1),
    isDirectory: (Mode & DIRECTORY) !== 0,
    type: Mime,
    // Inline content is not counted in FileSize, and base64 is a third longer than what it says.
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
