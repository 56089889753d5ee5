// The filer: metadata, listings, whole files and ranges, and chunks relayed from the volume servers.
import { createHash } from "node:crypto";
import { chunkFileId, dataChunks, filePieces, obstacle, viewsOf } from "./chunks.mjs";
import { goJson, makeChunk, parseEntry } from "./entry.mjs";
import { parseFileId } from "./fileid.mjs";
import { tokenOf, verifyToken } from "./jwt.mjs";
import { entryText, list } from "./listing.mjs";
import { answerRange } from "./range.mjs";
import { BrokenConnection, empty, json, jsonText, plainError } from "./reply.mjs";
import { liveHolders, readChunk } from "./volume.mjs";

const SERVER = ["Server", "SeaweedFS 30GB 4.44"];

const filerCors = ({ headers, method }) => headers.origin === undefined && method !== "OPTIONS" ? [] : [
  ["Access-Control-Allow-Credentials", "true"], ["Access-Control-Allow-Headers", "*"],
  ["Access-Control-Allow-Methods", "PUT, POST, GET, DELETE, OPTIONS"], ["Access-Control-Allow-Origin", "*"],
  ["Access-Control-Expose-Headers", "*"],
];

/** Responds to a request at the filer. */
export function answerFiler(cluster, request) {
  const cors = filerCors(request);
  if (request.method === "OPTIONS") return empty(200, cors);
  if (request.method !== "GET" && request.method !== "HEAD") return empty(405, cors);
  // Before the check of tokens: a relayed chunk needs none.
  if (request.path === "/" && request.query.has("proxyChunkId")) return relayChunk(cluster, request, cors);
  if (!mayRead(cluster, request)) return json(401, cors, { error: "wrong jwt" });
  return answerPath(cluster, request, [...cors, SERVER]);
}

function relayChunk(cluster, request, cors) {
  const fileId = parseFileId(request.query.get("proxyChunkId"));
  if (!fileId) return empty(400, cors);
  const holder = liveHolders(cluster, fileId.volumeId)[0];
  if (holder === undefined) return empty(500, cors);
  const reply = readChunk(cluster, holder, fileId, request);
  const relayed = reply.headers.filter(([name]) => !name.startsWith("Access-Control-"));
  return { ...reply, headers: [...cors, ...relayed] };
}

function mayRead(cluster, request) {
  const key = cluster.jwt?.filerRead;
  if (!key || request.path === "/") return true;
  const claims = verifyToken(tokenOf(request), key);
  if (!claims) return false;
  const { allowed_prefixes: prefixes, allowed_methods: methods } = claims;
  return (!methods?.length || methods.includes(request.method)) &&
    (!prefixes?.length || prefixes.some((prefix) => isBelow(request.path, prefix)));
}

const isBelow = (path, prefix) => {
  const parent = prefix.replace(/\/+$/, "");
  return path === parent || path.startsWith(parent + "/");
};

function answerPath(cluster, request, always) {
  // Go's ServeMux normalizes paths before the handlers of the filer, so the redirect has none of its headers.
  if (/\/\/|\/\.{1,2}(\/|$)/.test(request.rawPath)) return redirectToClean(request);
  const path = request.path.replace(/(?<=.)\/+$/, "");
  const text = entryText(cluster, path);
  if (text === null) return empty(404, always);
  if (request.query.get("metadata") === "true") {
    const resolve = request.query.get("resolveManifest") === "true";
    return resolve ? resolvedEntry(cluster, text, always) : jsonText(200, always, text);
  }
  const entry = parseEntry(text);
  return isDirectory(entry) ? list(cluster, path, request, always) : sendFile(cluster, entry, request, always);
}

const isDirectory = ({ Mode }) => (Mode & 2 ** 31) !== 0;

function redirectToClean({ rawPath, rawQuery }) {
  const clean = new URL("http://filer" + rawPath.replace(/\/{2,}/g, "/")).pathname;
  return empty(301, [["Location", clean + (rawQuery ? "?" + rawQuery : "")]]);
}

// Chunk manifests are replaced by their chunks; the rest of the entry is unchanged.
function resolvedEntry(cluster, text, always) {
  const entry = parseEntry(text);
  try {
    const chunks = dataChunks(cluster, entry.chunks ?? []).map((chunk) =>
      makeChunk({ ...chunk, fileId: chunkFileId(chunk) }));
    return jsonText(200, always, goJson({ ...entry, ...(chunks.length ? { chunks } : {}) }));
  } catch (error) {
    if (!(error instanceof BrokenConnection)) throw error;
    return json(500, always, { error: `failed to resolve chunk manifest, err: ${error.message}` });
  }
}

function sendFile(cluster, entry, request, always) {
  const headers = fileHeaders(entry, request, always);
  const etag = headers.find(([name]) => name === "Etag")[1];
  if (request.headers["if-none-match"] === etag) return { ...empty(304, headers), length: null };
  const remote = entry.Remote?.remote_size > 0 && !entry.chunks && !entry.Content;
  if (remote && !cluster.remotes.has(entry.FullPath)) return empty(503, [...always, ["Retry-After", "5"]]);
  if (request.method === "GET" && !request.headers.range && cluster.breaking.has(entry.FullPath)) {
    return { status: 200, headers, body: breakOff(), length: entry.FileSize };
  }
  const reader = fileReader(cluster, entry, request);
  if (reader.problem) return plainError(500, headers, reader.problem);
  const mime = headers.find(([name]) => name === "Content-Type")[1];
  return answerRange({ range: request.headers.range, size: entry.FileSize, read: reader.read, headers, mime });
}

function* breakOff() {
  throw new BrokenConnection("the real filer breaks off here");
}

function fileReader(cluster, entry, request) {
  const fetched = cluster.remotes.get(entry.FullPath);
  if (fetched) return { read: (start, end) => fetched.subarray(start, end) };
  const content = Buffer.from(entry.Content ?? "", "base64");
  if (request.method === "HEAD" || entry.FileSize <= content.length) return { read: (start, end) => content.subarray(start, end) };
  const views = viewsOf(dataChunks(cluster, entry.chunks ?? []));
  const problem = obstacle(cluster, views);
  const read = (start, end) => filePieces(cluster, views, start, end);
  return { problem, read: request.alter ? (start, end) => request.alter(Buffer.concat([...read(0, entry.FileSize)])).subarray(start, end) : read };
}

function fileHeaders(entry, request, always) {
  const extended = Object.entries(entry.Extended ?? {})
    .filter(([name]) => !/^(xattr-|x-seaweedfs-)/.test(name))
    .map(([name, value]) => [name, Buffer.from(value, "base64").toString()]);
  const exposed = [...extended.map(([name]) => name).filter((name) => name.startsWith("Seaweed-")).sort(), "Content-Disposition"];
  const kind = request.query.get("dl") === "true" ? "attachment" : "inline";
  const headers = new Map([
    ...always,
    ["Accept-Ranges", "bytes"],
    ["Content-Type", entry.Mime || mimeByName(entry.FullPath)],
    ["Last-Modified", new Date(entry.Mtime).toUTCString()],
    ["Etag", `"${fileEtag(entry)}"`],
    ["Content-Disposition", disposition(kind, entry.FullPath.split("/").at(-1))],
    ...extended,
  ]);
  if (headers.has("Access-Control-Expose-Headers")) headers.set("Access-Control-Expose-Headers", exposed.join(","));
  return [...headers];
}

function fileEtag({ Md5, Remote, chunks = [] }) {
  if (Md5) return Buffer.from(Md5, "base64").toString("hex");
  if (Remote && chunks.length === 0) return Remote.remote_e_tag;
  const digests = chunks.map(({ e_tag = "" }) => Buffer.from(e_tag, "base64"));
  if (digests.length === 1) return digests[0].toString("hex");
  return `${createHash("md5").update(Buffer.concat(digests)).digest("hex")}-${digests.length}`;
}

const MIMES = {
  txt: "text/plain; charset=utf-8", log: "text/plain; charset=utf-8", html: "text/html; charset=utf-8", json: "application/json",
  css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8", webm: "video/webm", mp4: "video/mp4",
  png: "image/png", jpg: "image/jpeg", svg: "image/svg+xml", pdf: "application/pdf", wasm: "application/wasm",
};
const mimeByName = (path) => MIMES[/\.([^./]+)$/.exec(path)?.[1]] ?? "application/octet-stream";

// Go's mime.FormatMediaType: a token unchanged, other ASCII in quotes, the rest percent-encoded.
function disposition(kind, name) {
  const bytes = [...Buffer.from(name)];
  if (bytes.some((byte) => byte >= 0x80)) return `${kind}; filename*=utf-8''${bytes.map(percent).join("")}`;
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return `${kind}; filename=${name}`;
  return `${kind}; filename="${name.replace(/["\\]/g, "\\$&")}"`;
}

const percent = (byte) => {
  const char = String.fromCharCode(byte);
  const plain = byte > 0x20 && byte < 0x7f && !"*'%()<>@,;:\\\"/[]?=".includes(char);
  return plain ? char : "%" + byte.toString(16).toUpperCase().padStart(2, "0");
};
