// The range of a request, read before anything is fetched: subrequests and memory are planned for it. It is read once. The core, which
// reads the same header in the same way (tests/edge/range.test.mjs compares them), gets the range that was planned, or none.
import type { RemoteFile } from "kelp-stream";
import type { Extent } from "./budget";

/** One range. Space and tab are allowed around the unit and around the range, as the core allows them. */
const ONE_RANGE = /^[ \t]*bytes[ \t]*=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * The bytes of the answer, and whether it is a 206; `null` if the range has no byte of the file. Several ranges, and malformed
 * ones, are the whole file.
 */
export function wantedRange({ headers }: Request, file: RemoteFile): (Extent & { isPart: boolean }) | null {
  const whole = { start: 0, end: file.size, isPart: false };
  const [, first, last] = ONE_RANGE.exec(headers.get("range") ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "") || !isUnchanged(headers.get("if-range"), file)) return whole;
  // As bigints: digits beyond 2^53 are compared exactly.
  if (first !== "" && last !== "" && BigInt(first) > BigInt(last)) return whole;
  const start = first === "" ? Math.max(0, file.size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? file.size : Math.min(file.size, Number(last) + 1);
  return start < end ? { start, end, isPart: true } : null;
}

/** Whether `If-Range` names exactly this version, by a strong validator (RFC 9110, 13.1.5). */
function isUnchanged(validator: string | null, { etag, lastModified }: RemoteFile): boolean {
  if (validator === null) return true;
  return validator === etag || (lastModified !== null && validator === new Date(lastModified).toUTCString());
}
