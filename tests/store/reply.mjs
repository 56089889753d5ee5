// A reply: { status, headers: [name, value][], body: Buffer | Iterable<Buffer> | null, length? }.
// `length` is the Content-Length; by default that of the body; null: none is sent.

/** A reply without a body. */
export const empty = (status, headers = []) => ({ status, headers, body: null, length: 0 });

/** JSON as Go's writeJson sends it. */
export const json = (status, headers, value) => jsonText(status, headers, JSON.stringify(value));

/** JSON that is text already. */
export const jsonText = (status, headers, text) => ({
  status, body: Buffer.from(text),
  headers: [...headers, ["Content-Type", "application/json"], ["X-Content-Type-Options", "nosniff"]],
});

const DROPPED = new Set(["Etag", "Last-Modified", "Content-Type", "Content-Disposition", "Content-Encoding", "Cache-Control"]);

/** The reply of http.Error of Go, without the headers that described the intended body. */
export const plainError = (status, headers, text) => ({
  status, body: Buffer.from(text + "\n"),
  headers: [
    ...headers.filter(([name]) => !DROPPED.has(name)),
    ["Content-Type", "text/plain; charset=utf-8"], ["X-Content-Type-Options", "nosniff"],
  ],
});

/** Thrown where SeaweedFS breaks the connection, before the headers or within the body. */
export class BrokenConnection extends Error {}
