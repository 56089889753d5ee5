// The body of a response of a service worker.

/**
 * The same bytes, and a function that stops them with an error. `seen` gets the length of each piece; `over` is called once, at the end,
 * with the error if there is one, or when the reader cancels.
 */
export function watched(body, seen, over) {
  const reader = body.getReader();
  let isStopped = false;
  let stop;
  const stream = new ReadableStream({
    start(controller) {
      stop = () => {
        if (isStopped) return;
        isStopped = true;
        over();
        controller.error(new DOMException("the page has stopped the download", "AbortError"));
        reader.cancel().catch(() => {});
      };
    },
    async pull(controller) {
      let piece;
      try {
        piece = await reader.read();
      } catch (error) {
        over(error);
        throw error;
      }
      if (isStopped) return;
      if (piece.done) {
        over();
        controller.close();
      } else {
        seen(piece.value.length);
        controller.enqueue(piece.value);
      }
    },
    cancel(reason) {
      isStopped = true;
      over();
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return { stream, stop };
}

/** Encodings of stored files that the platform can remove. */
const FORMATS = { gzip: "gzip", "x-gzip": "gzip", deflate: "deflate" };

/** How a response is encoded: `undefined` if it is not, `null` if in a way that cannot be removed here. */
export function storedEncoding(response) {
  const coding = response.headers.get("content-encoding")?.trim().toLowerCase();
  if (coding === undefined || coding === "" || coding === "identity") return undefined;
  return FORMATS[coding] ?? null;
}

/**
 * The response without its encoding: browsers do not remove that of a response which a service worker makes. The length of the file is
 * then unknown, so it has no ranges, and its ETag is that of another representation (RFC 9110, 8.8.3).
 */
export function unpacked(response, format) {
  const headers = new Headers(response.headers);
  for (const name of ["content-encoding", "content-length", "accept-ranges"]) headers.delete(name);
  const etag = headers.get("etag");
  if (etag !== null && !etag.startsWith("W/")) headers.set("etag", `W/${etag}`);
  const body = response.body && response.body.pipeThrough(new DecompressionStream(format));
  return new Response(body, { status: response.status, headers });
}
