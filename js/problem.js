// The response of `RemoteFile.response()` if the file cannot be read (RFC 9457).

const STATUSES = { not_found: [404, "Not Found"], unauthorized: [403, "Forbidden"] };

/**
 * The response for an error. Throws errors that are the caller's: a closed file, and anything but a `KelpError`. Its client must
 * not learn which servers there are, so of the error it has what names none.
 */
export function problem(error) {
  // Each entry point of the package that is bundled alone has a class of its own.
  if (error?.name !== "KelpError" || error.code === "closed") throw error;
  const { code, retryable, offset } = error;
  // Other chunks are named by their URL.
  const chunk = /^\d+,[\da-f_]+$/i.test(error.chunk) ? error.chunk : undefined;
  const [status, title] = STATUSES[code] ?? [502, "Bad Gateway"];
  const detail = `${chunk === undefined ? "the file" : `chunk ${chunk}`} cannot be read: ${code}`;
  const body = JSON.stringify({ type: "about:blank", title, status, detail, code, retryable, chunk, offset });
  const headers = {
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  };
  return new Response(body, { status, headers });
}
