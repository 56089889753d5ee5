// The protobuf of a chunk manifest: FileChunkManifest { repeated FileChunk chunks = 1 }.
// Only the fields that a reader needs; docs/seaweedfs-format.md has the field numbers.

/** The chunks of a chunk manifest, with the names of an entry's JSON. Throws if the bytes are not protobuf. */
export function readManifest(bytes) {
  return [...fields(bytes)].filter(({ number }) => number === 1).map(({ value }) => readChunk(message(value)));
}

function readChunk(bytes) {
  const chunk = {};
  for (const { number, value } of fields(bytes)) {
    if (number === 1) chunk.file_id = message(value).toString();
    if (number === 2) chunk.offset = Number(value);
    if (number === 3) chunk.size = Number(value);
    if (number === 4) chunk.modified_ts_ns = value;
    if (number === 5) chunk.e_tag = message(value).toString();
    if (number === 7) chunk.fid = readFid(message(value));
    if (number === 9) chunk.cipher_key = message(value).toString("base64");
    if (number === 10) chunk.is_compressed = value !== 0n;
    if (number === 11) chunk.is_chunk_manifest = value !== 0n;
  }
  return chunk;
}

function readFid(bytes) {
  const fid = { volume_id: 0, file_key: 0n, cookie: 0 };
  for (const { number, value } of fields(bytes)) {
    if (number === 1) fid.volume_id = Number(value);
    if (number === 2) fid.file_key = value;
    if (number === 3) fid.cookie = value.readUInt32LE();
  }
  return fid;
}

function message(value) {
  if (!Buffer.isBuffer(value)) throw new Error("expected a message, found a number");
  return value;
}

function* fields(bytes) {
  for (let at = 0; at < bytes.length;) {
    const [tag, afterTag] = varint(bytes, at);
    const [value, next] = fieldValue(bytes, afterTag, Number(tag & 7n));
    yield { number: Number(tag >> 3n), value };
    at = next;
  }
}

function fieldValue(bytes, at, type) {
  if (type === 0) return varint(bytes, at);
  if (type === 1) return fixed(bytes, at, 8);
  if (type === 5) return fixed(bytes, at, 4);
  if (type !== 2) throw new Error(`wire type ${type}`);
  const [length, from] = varint(bytes, at);
  return fixed(bytes, from, Number(length));
}

function fixed(bytes, at, length) {
  if (at + length > bytes.length) throw new Error("the message ends in the middle of a field");
  return [bytes.subarray(at, at + length), at + length];
}

function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (at >= bytes.length) throw new Error("the message ends in the middle of a number");
    const byte = bytes[at++];
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return [value, at];
  }
  throw new Error("a number of more than ten bytes");
}
