// The range that a request will be answered with, told before anything is fetched.
import type { RemoteFile } from "kelp-stream";
import type { Extent } from "./budget";

/**
 * The bytes of the answer, and whether it is a 206; `null` where there is no such byte. As the core reads the header: several
 * ranges, and malformed ones, are the whole file.
 */
export function wantedRange({ headers }: Request, file: RemoteFile): (Extent & { isPart: boolean }) | null {
  const whole = { start: 0, end: file.size, isPart: false };
  const [, first, last] = /^bytes=(\d*)-(\d*)$/i.exec(headers.get("range")?.trim() ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "") || !isUnchanged(headers.get("if-range"), file)) return whole;
  const start = first === "" ? Math.max(0, file.size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? file.size : Math.min(file.size, Number(last) + 1);
  if (first !== "" && last !== "" && Number(last) < start) return whole;
  return start < end ? { start, end, isPart: true } : null;
}

// RFC 9110, 13.1.5: exactly this version, by a strong validator.
function isUnchanged(validator: string | null, { etag, lastModified }: RemoteFile): boolean {
  if (validator === null) return true;
  return validator === etag || (lastModified !== null && validator === new Date(lastModified).toUTCString());
}
