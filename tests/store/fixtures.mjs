// Reads a captured cluster from tests/fixtures/seaweedfs/<name> (tests/fixtures/README.md).
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeNeedle } from "./needle.mjs";

/** The folder tests/fixtures. */
export const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** The recorded requests and responses of a cluster. */
export const loadTranscript = (name, fixtures = FIXTURES) =>
  JSON.parse(readFileSync(join(fixtures, "seaweedfs", name, "transcript.json"), "utf8"));

/** A cluster without files. */
export function emptyCluster(volumes) {
  return {
    cases: [], entries: new Map(), needles: new Map(), lookups: new Map(), jwt: null, breaking: new Set(), remotes: new Map(), painters: new Map(),
    live: Array(volumes).fill(true), addresses: [], tokenSeconds: { read: 60, write: 10 },
  };
}

/** A captured cluster as the data of servers; optionally with more servers or replicas than it had. */
export function loadCluster(name, fixtures = FIXTURES, { volumes: least = 0, replicas = 1 } = {}) {
  const folder = join(fixtures, "seaweedfs", name);
  const { volumes, lookups, chunks, jwt } = JSON.parse(readFileSync(join(folder, "cluster.json"), "utf8"));
  const cluster = emptyCluster(Math.max(volumes, least));
  cluster.jwt = jwt ?? null;
  cluster.cases = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"));
  cluster.lookups = new Map(Object.entries(lookups));
  for (const each of cluster.cases) loadCase(cluster, folder, each);
  for (const [fileId, about] of Object.entries(chunks)) loadNeedle(cluster, folder, fileId, about);
  replicate(cluster, replicas);
  for (const text of directoriesOf(loadTranscript(name, fixtures))) cluster.entries.set(JSON.parse(text).FullPath, text);
  return cluster;
}

// Volumes are copied with all their chunks, so a chunk that a server did not have stays missing.
function replicate({ live, lookups, needles }, replicas) {
  for (const [volumeId, holders] of lookups) {
    const added = [];
    for (let next = holders[0] + 1; holders.length + added.length < Math.min(replicas, live.length); next++) {
      if (!holders.includes(next % live.length)) added.push(next % live.length);
    }
    lookups.set(volumeId, [...holders, ...added]);
    for (const [fileId, needle] of needles) if (fileId.startsWith(`${volumeId},`)) needle.volumes = [...needle.volumes, ...added];
  }
}

function loadCase(cluster, folder, { path, entry, filer }) {
  cluster.entries.set(path, readFileSync(join(folder, entry), "utf8"));
  // Files that the real filer cannot send completely: it breaks the connection.
  if (filer?.error) cluster.breaking.add(path);
}

function loadNeedle(cluster, folder, fileId, { volumes, headers, status }) {
  if (status === 404) return; // recorded as missing
  const file = join(folder, "chunks", fileId);
  if (!existsSync(file)) throw new Error(`no chunk file for ${fileId} of ${folder}`);
  const disposition = headers["content-disposition"];
  const mime = headers["content-type"];
  cluster.needles.set(fileId, makeNeedle(readFileSync(file), {
    volumes, disposition,
    gzip: headers["content-encoding"] === "gzip",
    // Without a stored name and type, the real server detects the type from the bytes of each response.
    mime: !disposition && mime === "application/octet-stream" ? undefined : mime,
    etag: headers.etag,
    modified: headers["last-modified"],
  }));
}

// Directories have no file in entries/ of the capture; their entries are in the transcript.
const directoriesOf = (transcript) =>
  transcript.filter(({ what, status }) => what === "metadata of a directory" && status === 200).map(({ body }) => body);
