// The path of a request in one spelling, so that the path that is signed, the one that is allowed and the one that the filer gets are
// the same.

/** A path of a file. */
export interface FilePath {
  /** Decoded, as prefixes and tokens name it. */
  plain: string;
  /** Percent-encoded, as in a URL. */
  encoded: string;
}

/**
 * Reads the path of a URL; `null` if it is not the path of a file, or is ambiguous. `URL` has resolved dot segments and
 * backslashes already: those that are left were encoded, and another decoder would resolve them.
 */
export function filePath({ pathname }: URL): FilePath | null {
  const names = pathname.slice(1).split("/").map(decoded);
  if (names.some((name) => name === null || !isName(name))) return null;
  return { plain: `/${names.join("/")}`, encoded: `/${names.map((name) => encodeURIComponent(name as string)).join("/")}` };
}

/** Folders of the filer itself: its configuration with credentials, and the log of its metadata with the keys of chunks. */
const OF_THE_FILER = ["/etc", "/topics"];

/**
 * Whether a path is one of the prefixes or below it: `/a` allows `/a` and `/a/b`, and not `/ab`. A folder of the filer itself is
 * served only by a prefix that names it.
 */
export function isAllowed({ plain }: FilePath, prefixes: string[]): boolean {
  const own = OF_THE_FILER.find((folder) => isBelow(plain, folder));
  return prefixes.some((prefix) => isBelow(plain, prefix) && (own === undefined || isBelow(prefix, own)));
}

const isBelow = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

// Empty names are refused too: the filer would remove them, and serve another path than the one that was allowed.
const isName = (name: string | null) => name !== null && !/^\.{0,2}$|[/\\\u0000-\u001f\u007f]/.test(name);
