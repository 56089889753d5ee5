// URLs that open one path until a time: `?expires=<unix seconds>&signature=<base64url>`.
import { hmacKey, unbase64url } from "./hmac";
import type { FilePath } from "./path";

/**
 * Whether a URL was signed for this path and is still in its time. The method is not signed, nor the range: who may
 * read a file may also ask how long it is.
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
