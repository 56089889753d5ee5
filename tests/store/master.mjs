// The master: lookups of volumes. It never sends CORS headers.
import { parseFileId } from "./fileid.mjs";
import { signToken } from "./jwt.mjs";
import { empty, json } from "./reply.mjs";
import { liveHolders } from "./volume.mjs";

/** Responds to a request at the master. */
export function answerMaster(cluster, request) {
  if (request.path === "/dir/lookup") return lookup(cluster, request);
  if (request.path === "/dir/status" || request.path === "/cluster/status") return json(200, [], { IsLeader: true });
  return redirectToChunk(cluster, request);
}

function lookup(cluster, { query }) {
  const fileId = query.get("fileId");
  const volumeId = (fileId ?? query.get("volumeId") ?? "").split(",")[0];
  const fail = (error) => json(404, [], { volumeOrFileId: volumeId, error });
  if (!/^\d+$/.test(volumeId)) return fail(`Unknown volume id ${volumeId}`);
  const holders = liveHolders(cluster, volumeId);
  if (holders.length === 0) return fail(`volume id ${volumeId} not found`);
  const locations = holders.map((index) => location(cluster.addresses[index]));
  return json(200, token(cluster, fileId, query), { volumeOrFileId: volumeId, locations });
}

const location = (address) => ({ url: address, publicUrl: address, dataCenter: "DefaultDataCenter", grpcPort: 0 });

// Without read=yes the token is a write token, which volume servers refuse for reads.
function token({ jwt, tokenSeconds }, fileId, query) {
  if (!jwt || !fileId) return [];
  const kind = query.get("read") === "yes" ? "read" : "write";
  const exp = Math.floor(Date.now() / 1000) + tokenSeconds[kind];
  return [["Authorization", `Bearer ${signToken({ fid: fileId, exp }, jwt[kind])}`]];
}

function redirectToChunk(cluster, { path, rawQuery }) {
  const fileId = parseFileId(path.slice(1));
  const holder = fileId && liveHolders(cluster, fileId.volumeId)[0];
  if (holder === null || holder === undefined) return empty(404);
  return empty(308, [["Location", `http://${cluster.addresses[holder]}${path}${rawQuery ? "?" + rawQuery : ""}`]]);
}
