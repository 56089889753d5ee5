// Writes files to a cluster, locates their chunks, reads them.
import assert from "node:assert/strict";
import { sha256 } from "../store/index.mjs";
import { json, put } from "./weed.mjs";

export const MIB = 1024 * 1024;

export const urlOf = (origin, path) => origin + path.split("/").map(encodeURIComponent).join("/");

export async function succeeded(response) {
  if (!response.ok) assert.fail(`${response.status} ${await response.text()}`);
  return response;
}

/** Writes a file with one request; resolves to its URL. `maxMB`: the size of its chunks. */
export async function write(origin, path, content, { type, maxMB = 1 } = {}) {
  const url = urlOf(origin, path);
  await succeeded(await put(`${url}?maxMB=${maxMB}`, content, { type }));
  return url;
}

/** The chunks of a file, in file order. */
export async function chunksOf(url, token = "") {
  const { chunks = [] } = await json(`${url}?metadata=true${token && `&jwt=${token}`}`);
  return chunks.sort((one, other) => (one.offset ?? 0) - (other.offset ?? 0));
}

/** Stores a file; resolves to its URL, content and chunks. */
export async function stored(origin, path, content, options) {
  const url = await write(origin, path, content, options);
  return { url, content, chunks: await chunksOf(url) };
}

/** A file of each kind of storage: plain, compressed, encrypted. */
export const ofEachKind = async (cluster, folder, { plain, gzip, encrypted }) => ({
  plain: await stored(cluster.filer, `${folder}/plain.bin`, plain),
  gzip: await stored(cluster.filer, `${folder}/text.txt`, gzip, { type: "text/plain" }),
  encrypted: await stored(cluster.cipherFiler, `${folder}/secret.bin`, encrypted),
});

export const volumeIdOf = (fileId) => fileId.split(",")[0];

export const volumeIdsOf = (chunks) => [...new Set(chunks.map(({ file_id: fileId }) => volumeIdOf(fileId)))];

/** Looks up a chunk at the master. */
export function locator(cluster) {
  return async (fileId) => ({ urls: (await cluster.holders(volumeIdOf(fileId))).map((origin) => `${origin}/${fileId}`) });
}

/** A locator with the locations of now, before a server dies. Replicas at `first` come first. */
export async function placesOf(cluster, chunks, first = null) {
  const holders = new Map();
  for (const id of volumeIdsOf(chunks)) {
    const origins = await cluster.holders(id);
    assert.equal(origins.length, 2, `replicas of volume ${id}`);
    holders.set(id, origins.sort((one, other) => Number(other === first) - Number(one === first)));
  }
  return new Map(chunks.map(({ file_id: fileId }) => [fileId, { urls: holders.get(volumeIdOf(fileId)).map((origin) => `${origin}/${fileId}`) }]));
}

/** Reads a stream to its end. After `at` bytes it waits for `action`. */
export async function readAround(stream, at, action) {
  const { bytes, error } = await readToTheEnd(stream, at, action);
  if (error) throw error;
  return bytes;
}

/** As `readAround`, for a stream that fails: its error, and the bytes before it. */
export async function readToFailure(stream, at = 0, action = () => {}) {
  const end = await readToTheEnd(stream, at, action);
  assert.ok(end.error, `no error after ${end.bytes.length} bytes`);
  assert.equal(end.error.name, "KelpError", String(end.error));
  return end;
}

async function readToTheEnd(stream, at, action) {
  const reader = stream.getReader();
  const pieces = [];
  let length = 0;
  let error = null;
  let due = action;
  while (!error) {
    const { done, value } = await reader.read().catch((thrown) => ({ value: (error = thrown) && null }));
    if (done) break;
    if (value) pieces.push(value);
    length += value?.length ?? 0;
    if (!due || length < at) continue;
    const now = due;
    due = null;
    await now();
  }
  assert.ok(!due, `it ended before ${at} bytes: ${error}`);
  return { bytes: Buffer.concat(pieces), error };
}

export function sameBytes(bytes, content, what) {
  assert.equal(bytes.length, content.length, `length: ${what}`);
  assert.equal(sha256(bytes), sha256(content), what);
}

/** Reads a file whole and in ranges. */
export async function readsBack(file, content) {
  assert.equal(file.size, content.length);
  sameBytes(await file.bytes(), content, "whole");
  const { length } = content;
  const ranges = [[0, 1], [length - 1, length], [1, length - 1], [length >> 2, length >> 1], [Math.max(0, MIB - 5), Math.min(length, MIB + 5)]];
  for (const [start, end] of ranges.filter(([start, end]) => 0 <= start && start < end)) {
    assert.ok(content.subarray(start, end).equals(await file.bytes({ start, end })), `${start}..${end}`);
  }
}
