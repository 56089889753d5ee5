/** Why a file could not be opened or read. `code` is stable; `cause` is explained in index.d.ts. */
export class KelpError extends Error {
  constructor(code, message, { retryable = false, chunk, offset, attempts = [], cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "KelpError";
    this.code = code;
    this.retryable = retryable;
    this.attempts = attempts;
    if (chunk !== undefined) this.chunk = chunk;
    if (offset !== undefined) this.offset = offset;
  }
}

/**
 * An error in place of what the platform or the user's `fetch` threw, made of its messages and its code alone. Platforms put the URL of a
 * request, or the `Location` of a response, into any field of an error and of its causes, and the query of a URL may be a token.
 */
export function withoutSecrets(thrown) {
  const messages = new Set();
  let code;
  // The causes of a user's error may form a circle.
  for (let error = thrown, depth = 0; error !== undefined && error !== null && depth < 4; depth++) {
    const message = typeof error === "string" ? error : field(error, "message");
    if (typeof message === "string" && message !== "") messages.add(redact(message));
    const own = field(error, "code");
    if (typeof own === "string" && /^[A-Z][A-Z0-9_]{1,40}$/.test(own)) code ??= own;
    // An AggregateError of Node has no message, and an error for each address.
    error = field(error, "cause") ?? field(field(error, "errors"), 0);
  }
  const rebuilt = new TypeError([...messages].join(": "));
  if (code !== undefined) rebuilt.code = code;
  return rebuilt;
}

// A getter may throw.
function field(value, name) {
  try {
    return value?.[name];
  } catch {
    return undefined;
  }
}

// A quote or a bracket ends a URL only if the text goes on as after a word.
const QUERY = /[?#](?:[^\s"'<>)]|["')](?![\s"'<>:,.;)]|$))+/g;
const CREDENTIALS = /\/\/[^\s/@]*@|\beyJ[\w-]+(?:\.[\w-]*)+|\b(?:bearer|basic)\s+\S+/gi;

// A text without queries, fragments, user names and passwords of URLs, tokens and credentials of headers.
const redact = (text) => text.slice(0, 1000).replace(QUERY, "").replace(CREDENTIALS, (found) => (found.startsWith("//") ? "//" : "…"));
