/** Why a file could not be opened or read on; `code` is stable, `cause` is what was thrown. */
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

/** For what the types name and this version does not do. */
export function notThere(what) {
  return new KelpError("unsupported", `${what} is not there yet in this version`);
}
