/** Why a file could not be opened or read. `code` is stable; `cause` is the value that the platform or the user's function threw. */
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
