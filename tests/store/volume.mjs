// A volume server: GET, HEAD and OPTIONS of one chunk.
import { fileIdInPath, parseFileId } from "./fileid.mjs";
import { tokenOf, verifyToken } from "./jwt.mjs";
import { guessMime, makeNeedle } from "./needle.mjs";
import { answerRange } from "./range.mjs";
import { empty, json } from "./reply.mjs";

const SERVER = ["Server", "SeaweedFS Volume 30GB 4.44"];
const METHODS = "PUT, POST, GET, DELETE, OPTIONS";

/** The CORS headers of a volume server: none without an Origin, and never Expose-Headers. */
export const volumeCors = ({ headers }) => headers.origin === undefined ? [] :
  [["Access-Control-Allow-Credentials", "true"], ["Access-Control-Allow-Origin", "*"]];

/** Responds to a request at the volume server `index`. */
export function answerVolume(cluster, index, request) {
  const always = [...volumeCors(request), SERVER];
  if (request.method === "OPTIONS") {
    return empty(200, [...always, ["Access-Control-Allow-Methods", METHODS], ["Access-Control-Allow-Headers", "*"]]);
  }
  if (request.method !== "GET" && request.method !== "HEAD") return empty(405, always);
  const written = fileIdInPath(request.path);
  if (!mayRead(cluster, request, written)) return json(401, always, { error: "wrong jwt" });
  const fileId = written && parseFileId(written);
  if (!fileId) return empty(400, always);
  if (cluster.lookups.get(fileId.volumeId)?.includes(index)) return readChunk(cluster, index, fileId, request);
  return relay(cluster, fileId, request, always);
}

// The claim is compared with the text of the id in the URL, not with the parsed id.
function mayRead(cluster, request, written) {
  if (!cluster.jwt?.read) return true;
  const claims = verifyToken(tokenOf(request), cluster.jwt.read);
  return claims !== null && claims.fid !== undefined && claims.fid === written?.replace(/_\d+$/, "");
}

// readMode=proxy: the response of another server, with its CORS headers in addition to the own ones. Browsers refuse duplicates.
function relay(cluster, fileId, request, always) {
  const holder = liveHolders(cluster, fileId.volumeId)[0];
  if (holder === undefined || request.query.get("proxied") === "true") return empty(404, always);
  const reply = readChunk(cluster, holder, fileId, request);
  return { ...reply, headers: [...volumeCors(request), ...reply.headers, ["X-Amz-Request-Id", requestId()]] };
}

/** The running servers that hold a volume, in the order of the master. */
export const liveHolders = (cluster, volumeId) =>
  (cluster.lookups.get(volumeId) ?? []).filter((index) => cluster.live[index]);

const requestId = () => Math.random().toString(16).slice(2).toUpperCase().padEnd(24, "0").slice(0, 24);

/** A chunk from a server that holds its volume. */
export function readChunk(cluster, index, fileId, request) {
  const always = [...volumeCors(request), SERVER];
  const needle = cluster.needles.get(fileId.text);
  if (!needle?.volumes.includes(index)) return empty(404, always);
  if (isUnchanged(needle, request.headers)) {
    return { ...empty(304, [...always, ["Last-Modified", needle.modified]]), length: null };
  }
  return sendNeedle(request.alter ? damaged(needle, request.alter) : needle, request, always);
}

function isUnchanged(needle, headers) {
  const since = Date.parse(headers["if-modified-since"] ?? "");
  return since >= Date.parse(needle.modified) || headers["if-none-match"] === needle.etag;
}

// A fault changed the stored bytes; the ETag remains that of the right bytes.
const damaged = (needle, alter) => makeNeedle(alter(needle.stored), {
  gzip: needle.gzip, volumes: needle.volumes, mime: needle.mime, disposition: needle.disposition,
  modified: needle.modified, etag: needle.etag,
});

function sendNeedle(needle, request, always) {
  const asStored = needle.gzip && (request.headers["accept-encoding"] ?? "").includes("gzip");
  const bytes = asStored ? needle.stored : inflated(needle);
  if (!bytes) return empty(500, always);
  const reply = answerRange({
    // The range is of the bytes that are sent: of the gzip stream, if the client accepts gzip.
    range: request.headers.range, size: bytes.length, mime: needle.mime,
    read: (start, end) => bytes.subarray(start, end),
    headers: [
      ["Accept-Ranges", "bytes"], ...always, ["Etag", needle.etag], ["Last-Modified", needle.modified],
      ...(needle.disposition ? [["Content-Disposition", needle.disposition]] : []),
      ...(asStored ? [["Content-Encoding", "gzip"]] : []),
      ...(needle.mime ? [["Content-Type", needle.mime]] : []),
    ],
  });
  return request.method === "HEAD" ? reply : withGuessedMime(reply);
}

// The real server responds with 500 if it cannot inflate damaged gzip.
function inflated(needle) {
  try {
    return needle.plain;
  } catch {
    return null;
  }
}

// Go detects the type from the first bytes that it writes: those of the range. It does not if they are encoded (Go issue 31753).
function withGuessedMime(reply) {
  if (!reply.body || reply.headers.some(([name]) => ["Content-Type", "Content-Encoding"].includes(name))) return reply;
  const mime = guessMime(reply.body);
  return mime ? { ...reply, headers: [...reply.headers, ["Content-Type", mime]] } : reply;
}
