// Tokens (HS256): SeaweedFS signs with the bytes of the configured key.
import { createHmac, timingSafeEqual } from "node:crypto";

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signature = (text, key) => createHmac("sha256", key).update(text).digest();

/** Signs claims. */
export function signToken(claims, key) {
  const text = `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url(claims)}`;
  return `${text}.${signature(text, key).toString("base64url")}`;
}

/** The claims of a token with a valid signature and time; else null. */
export function verifyToken(token, key) {
  const parts = token.split(".");
  if (parts.length !== 3) return null;
  const given = Buffer.from(parts[2], "base64url");
  const right = signature(`${parts[0]}.${parts[1]}`, key);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
  const claims = readClaims(token);
  const now = Date.now() / 1000;
  if (claims.exp !== undefined && claims.exp <= now) return null;
  if (claims.nbf !== undefined && claims.nbf > now) return null;
  return claims;
}

/** The claims of a token, without checking its signature. */
export const readClaims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());

/** The token of a request, in the order of SeaweedFS: ?jwt=, Authorization, cookie AT. */
export function tokenOf({ query, headers }) {
  const bearer = /^bearer (.+)$/i.exec(headers.authorization ?? "");
  const cookie = /(?:^|;\s*)AT=([^;]+)/.exec(headers.cookie ?? "");
  return query.get("jwt") || bearer?.[1] || cookie?.[1] || "";
}
