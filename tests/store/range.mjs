// The Range header as SeaweedFS reads it (weed/server/common.go), with its deviations.
import { randomBytes } from "node:crypto";

/**
 * The ranges of a header over `size` bytes as [start, end); null if the header is malformed or starts beyond the end. A start of
 * exactly `size` gives an empty range, as in the real server.
 */
export function parseRanges(header, size) {
  if (!header.startsWith("bytes=")) return null;
  const ranges = [];
  for (const part of header.slice(6).split(",").map((text) => text.trim())) {
    if (part === "") continue;
    const range = parseOne(part, size);
    if (!range) return null;
    ranges.push(range);
  }
  return ranges;
}

function parseOne(part, size) {
  const match = /^(\d*)\s*-\s*(\d*)$/.exec(part);
  if (!match || (match[1] === "" && match[2] === "")) return null;
  if (match[1] === "") return { start: Math.max(0, size - Number(match[2])), end: size };
  const start = Number(match[1]);
  if (start > size) return null;
  if (match[2] === "") return { start, end: size };
  const last = Number(match[2]);
  return last < start ? null : { start, end: Math.min(last + 1, size) };
}

/**
 * Responds to a GET or HEAD for a body of `size` bytes.
 * @param {(start: number, end: number) => Buffer | Iterable<Buffer>} read returns the bytes of [start, end)
 * @param {[string, string][]} headers those of the whole body, without Content-Length
 * @returns a reply: { status, headers, body, length }
 */
export function answerRange({ range, size, read, headers, mime }) {
  if (!range) return { status: 200, headers, body: read(0, size), length: size };
  const ranges = parseRanges(range, size);
  if (!ranges) return invalidRange(headers);
  const sum = ranges.reduce((total, { start, end }) => total + end - start, 0);
  // The real server takes ranges beyond the size for an attack, and sends an empty 200.
  if (ranges.length === 0 || sum > size) return { status: 200, headers, body: null, length: 0 };
  if (ranges.length > 1) return multipart({ ranges, size, read, headers, mime });
  const [{ start, end }] = ranges;
  return {
    status: 206,
    headers: [...headers, ["Content-Range", `bytes ${start}-${end - 1}/${size}`]],
    body: read(start, end),
    length: end - start,
  };
}

function invalidRange(headers) {
  const kept = headers.filter(([name]) => name !== "Content-Type" && name !== "Content-Encoding");
  return {
    status: 416,
    headers: [...kept, ["Content-Type", "text/plain; charset=utf-8"], ["X-Content-Type-Options", "nosniff"]],
    body: Buffer.from("invalid range\n"),
  };
}

function multipart({ ranges, size, read, headers, mime }) {
  const boundary = randomBytes(30).toString("hex");
  const pieces = [];
  ranges.forEach(({ start, end }, i) => {
    pieces.push(Buffer.from(
      `${i ? "\r\n" : ""}--${boundary}\r\nContent-Range: bytes ${start}-${end - 1}/${size}\r\nContent-Type: ${mime ?? ""}\r\n\r\n`));
    const body = read(start, end);
    pieces.push(...(Buffer.isBuffer(body) ? [body] : body));
  });
  pieces.push(Buffer.from(`\r\n--${boundary}--\r\n`));
  const kept = headers.filter(([name]) => name !== "Content-Type");
  return {
    status: 206,
    headers: [...kept, ["Content-Type", `multipart/byteranges; boundary=${boundary}`]],
    body: Buffer.concat(pieces),
  };
}
