// Checks each field of a manifest. The core checks how the fields relate to one another.
import { bytes, dictionary, httpUrl, integer, string, word } from "./check.js";

/** The manifest as the core's `JsManifest`. */
export function checkManifest(manifest) {
  if (manifest === undefined) throw new TypeError("manifest must be an object");
  const { size, name, type, etag, lastModified, chunks } = dictionary(manifest, "manifest");
  if (!Array.isArray(chunks)) throw new TypeError("chunks must be an array");
  return {
    size: required(size, "size"),
    name: string(name, "name"),
    type: string(type, "type"),
    etag: string(etag, "etag"),
    lastModified: integer(lastModified, "lastModified", undefined, Number.MIN_SAFE_INTEGER),
    // Unlike `map`, this also visits the holes of a sparse array.
    ...pack(Array.from(chunks, (chunk, i) => checkChunk(chunk, `chunks[${i}]`))),
  };
}

/** All chunks in four values: reading a field of each chunk from wasm would be a call for each field. */
function pack(chunks) {
  const numbers = chunks.flatMap(({ urls, offset, size, start = -1, end = -1, key, gzip, md5 }) => [
    urls.length, offset, size, start, end, gzip ? 1 : 0, key?.length ?? -1, md5?.length ?? -1,
  ]);
  return {
    numbers: Float64Array.from(numbers),
    // The parser of URLs has removed line breaks.
    urls: chunks.flatMap(({ urls }) => urls).join("\n"),
    bytes: Uint8Array.from(chunks.flatMap(({ key, md5 }) => [...(key ?? []), ...(md5 ?? [])])),
    modified: BigInt64Array.from(chunks, ({ modified }) => modified),
  };
}

function checkChunk(chunk, at) {
  if (chunk === undefined) throw new TypeError(`${at} must be an object`);
  const { urls, offset, size, range, key, compression, md5, modified } = dictionary(chunk, at);
  if (!Array.isArray(urls)) throw new TypeError(`${at}.urls must be an array`);
  return {
    urls: Array.from(urls, (url, i) => httpUrl(url, `${at}.urls[${i}]`).href),
    offset: required(offset, `${at}.offset`),
    size: required(size, `${at}.size`),
    ...(range === undefined ? undefined : checkRange(range, `${at}.range`)),
    key: bytes(key, `${at}.key`),
    gzip: compression !== undefined && word(compression, `${at}.compression`, ["gzip"]) === "gzip",
    md5: md5 === undefined ? undefined : bytes(string(md5, `${at}.md5`), `${at}.md5`),
    modified: version(modified, `${at}.modified`),
  };
}

function checkRange(range, at) {
  const { start, end } = dictionary(range, at);
  return { start: required(start, `${at}.start`), end: required(end, `${at}.end`) };
}

function required(value, name) {
  if (value === undefined) throw new TypeError(`${name} must be a number`);
  return integer(value, name);
}

// 64 bits: nanoseconds since 1970 are larger than Number.MAX_SAFE_INTEGER.
function version(value, name) {
  if (value === undefined) return 0n;
  if (typeof value !== "bigint") return BigInt(integer(value, name, 0, Number.MIN_SAFE_INTEGER));
  if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${name} must fit 64 bits`);
  return value;
}
