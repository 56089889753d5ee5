// What a page of another origin needs to read the gateway's answers, problems included.

/** `Range` with one simple range needs no preflight; conditions do. */
const REQUEST_HEADERS = "Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range";

/** The methods that are answered. */
export const METHODS = "GET, HEAD, OPTIONS";

/** Adds the headers of CORS. `origin`: `null` if no page of another origin may read the answer. */
export function withCors(response: Response, origin: string | null): Response {
  if (origin === null) return response;
  const { headers } = response;
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", "*");
  headers.append("vary", "Origin");
  return response;
}

/** The answer to `OPTIONS`, which has no signature: it says nothing of the file. */
export function preflight(isAllowed: boolean): Response {
  const allowed = { "access-control-allow-methods": "GET, HEAD", "access-control-allow-headers": REQUEST_HEADERS, "access-control-max-age": "86400" };
  return new Response(null, { status: 204, headers: { allow: METHODS, ...(isAllowed ? allowed : {}) } });
}
