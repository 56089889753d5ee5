// Signed URLs: who may read a file, and until when.
//
// A URL has `key`, `issued`, `expires` (seconds since 1970) and `signature`: HMAC-SHA256, with the secret of that key, of the lines
// of `signedText`. Several keys are valid at a time, so a new one can be used before the old one is removed.
import { hmacKey, unbase64url } from "./hmac";
import type { FilePath } from "./path";
import type { Settings } from "./settings";

/** Seconds by which the clocks of signer and gateway may differ. */
export const SKEW = 60;

/** The name of `URL_SECRET` in the audit line. */
const FORMER_KEY = "URL_SECRET";

/** What a signature is bound to. */
export interface Signed {
  key: string;
  method: string;
  host: string;
  path: string;
  issued: string;
  expires: string;
  /** The value of `download`; `null` without it. */
  download: string | null;
}

/** A valid signature: the id of its key, and the signature itself, which names the URL. */
export interface Grant {
  key: string;
  signature: string;
}

type Keys = Pick<Settings, "urlKeys" | "urlSecret" | "maxAge">;

/** The text that is signed. Only the last line can contain a line feed. */
export function signedText({ key, method, host, path, issued, expires, download }: Signed): string {
  return ["kelp-url-1", key, method, host, path, issued, expires, download === null ? "" : `download=${download}`].join("\n");
}

/** The grant of a URL for this path; `null` if it has no valid signature, or is not valid at this time. */
export async function grantOf(method: string, url: URL, { encoded }: FilePath, keys: Keys, now = Date.now() / 1000): Promise<Grant | null> {
  const query = queryOf(url);
  if (query === null) return null;
  const { key, issued, expires, signature, download } = query;
  const given = signature === null ? null : unbase64url(signature);
  if (!given || signature === null || !isTime(expires) || Number(expires) + SKEW <= now) return null;
  if (key === null && issued === null && download === null) return keys.urlSecret === null ? null : former(given, signature, expires, encoded, keys.urlSecret, keys.maxAge, now);
  if (key === null || !isTime(issued)) return null;
  const secret = keys.urlKeys.get(key);
  const life = Number(expires) - Number(issued);
  if (secret === undefined || life <= 0 || life > keys.maxAge || Number(issued) - SKEW > now) return null;
  const about = { key, host: url.host, path: encoded, issued, expires, download };
  // Who may read a file may also ask for its length.
  for (const signed of method === "HEAD" ? ["GET", "HEAD"] : [method]) {
    if (await isOf(signedText({ ...about, method: signed }), given, secret)) return { key, signature };
  }
  return null;
}

// The form before there were keys: signed are the path and the time of expiry. It is accepted while URL_SECRET is set.
async function former(given: Uint8Array, signature: string, expires: string, path: string, secret: string, maxAge: number, now: number): Promise<Grant | null> {
  if (Number(expires) > now + maxAge + SKEW || !(await isOf(`${path}\n${expires}`, given, secret))) return null;
  return { key: FORMER_KEY, signature };
}

// WebCrypto compares in constant time.
async function isOf(text: string, signature: Uint8Array, secret: string): Promise<boolean> {
  return crypto.subtle.verify("HMAC", await hmacKey(secret, "verify"), signature, new TextEncoder().encode(text));
}

type Name = "key" | "issued" | "expires" | "signature" | "download";
const NAMES: Name[] = ["key", "issued", "expires", "signature", "download"];

/** The parameters that matter; `null` if one of them is there twice, since servers differ in which one counts. */
function queryOf({ searchParams }: URL): Record<Name, string | null> | null {
  if (NAMES.some((name) => searchParams.getAll(name).length > 1)) return null;
  return Object.fromEntries(NAMES.map((name) => [name, searchParams.get(name)])) as Record<Name, string | null>;
}

const isTime = (text: string | null): text is string => text !== null && /^[1-9]\d{0,11}$/.test(text);
