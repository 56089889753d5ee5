// The path that a client asks for, in one spelling: what is signed, allowed and asked of the filer are the same.

/** A path of a file. */
export interface FilePath {
  /** Decoded, as prefixes and tokens name it. */
  plain: string;
  /** As it stands in a URL. */
  encoded: string;
}

/**
 * Reads the path of a URL; `null` where it is none of a file, or could be read in two ways. Dot segments and backslashes
 * are resolved by the URL itself; what is left of them was encoded, to be found by whoever decodes next.
 */
export function filePath({ pathname }: URL): FilePath | null {
  const names = pathname.slice(1).split("/").map(decoded);
  if (names.some((name) => name === null || !isName(name))) return null;
  return { plain: `/${names.join("/")}`, encoded: `/${names.map((name) => encodeURIComponent(name as string)).join("/")}` };
}

/** Whether a path is one of the prefixes or below it: `/a` allows `/a` and `/a/b`, and not `/ab`. */
export function isAllowed({ plain }: FilePath, prefixes: string[]): boolean {
  return prefixes.some((prefix) => plain === prefix || plain.startsWith(`${prefix}/`));
}

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

// Empty ones too: the filer would clean them away, and serve another path than was allowed.
const isName = (name: string | null) => name !== null && !/^\.{0,2}$|[/\\\u0000-\u001f\u007f]/.test(name);
