// Signed URLs: `?expires=<unix seconds>&signature=<base64url>` gives access to one path until that time.
import { hmacKey, unbase64url } from "./hmac";
import type { FilePath } from "./path";

/**
 * Whether a URL has a valid signature for this path and has not expired. Method and range are not signed: a client that may read a
 * file may also request its length.
 */
export async function isSigned(url: URL, { encoded }: FilePath, secret: string, now = Date.now()): Promise<boolean> {
  const expires = url.searchParams.get("expires") ?? "";
  const given = unbase64url(url.searchParams.get("signature") ?? "");
  if (!/^\d{1,12}$/.test(expires) || !given) return false;
  const key = await hmacKey(secret, "verify");
  // WebCrypto compares in constant time.
  const isOurs = await crypto.subtle.verify("HMAC", key, given, new TextEncoder().encode(`${encoded}\n${expires}`));
  return isOurs && Number(expires) * 1000 > now;
}
