// The answer where the bytes of a file cannot be had (RFC 9457).
import { KelpError } from "./error.js";

const STATUSES = { not_found: [404, "Not Found"], unauthorized: [403, "Forbidden"] };

/**
 * What an error is to the client of a request. Throws what no client can be told: that the file is closed, and
 * whatever is no `KelpError`. Not even hosts are in it: which servers were asked in vain is for the one who asked.
 */
export function problem(error) {
  if (!(error instanceof KelpError) || error.code === "closed") throw error;
  const { code, retryable, chunk, offset, message: detail } = error;
  const [status, title] = STATUSES[code] ?? [502, "Bad Gateway"];
  const body = JSON.stringify({ type: "about:blank", title, status, detail, code, retryable, chunk, offset });
  const headers = {
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  };
  return new Response(body, { status, headers });
}
