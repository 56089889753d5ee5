// The matrix: what the notes of the last runs say, groups of cases by places.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { target } from "../../scripts/command.mjs";

/** Where the notes of each place lie. */
export const NOTES = join(target, "conformance");

/** The places in the order of the columns; another one comes after them. */
const ORDER = [
  "Chromium", "Chromium worker", "Chromium service worker", "Firefox", "WebKitGTK", "Node 20", "Node 24", "Deno", "Bun", "workerd", "edge gateway",
  "WASI 0.2, jco", "WASI 0.2, wasmtime", "WASI 0.3, jco", "WASI 0.3, wasmtime", "native",
];

/** The matrix as a table of Markdown; `isWhole`: a line for each case, else for each group. */
export function matrix({ isWhole = false } = {}) {
  const places = readNotes();
  if (places.length === 0) return "no place has noted anything";
  const rows = new Map();
  for (const { heading, notes = [] } of places) {
    for (const note of notes) {
      const row = isWhole ? `${note.group}: ${note.name}` : note.group;
      if (!rows.has(row)) rows.set(row, new Map());
      const cells = rows.get(row);
      if (!cells.has(heading)) cells.set(heading, []);
      cells.get(heading).push(note);
    }
  }
  const headings = places.map(({ heading }) => heading);
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const table = [...rows].map(([row, cells]) => line([row.replaceAll("|", "\\|"), ...headings.map((heading) => cell(cells.get(heading) ?? [], isWhole))]));
  const total = line(["all", ...places.map(({ notes, skip }) => (skip ? "not here" : cell(notes)))]);
  return [line(["", ...headings]), line(["---", ...headings.map(() => "---")]), ...table, total].join("\n");
}

/** Why places, and cases in them, were left out. */
export function reasons() {
  const lines = [];
  for (const { heading, skip, notes } of readNotes()) {
    if (skip) lines.push(`${heading}: SKIPPED, ${skip}`);
    const counts = new Map();
    for (const { outcome, reason } of notes) if (outcome === "lacks") counts.set(reason, (counts.get(reason) ?? 0) + 1);
    for (const [reason, count] of counts) lines.push(`${heading}: ${count} left out, ${reason}`);
  }
  return lines;
}

// How many of how many were right; those that have no meaning there are not counted.
function cell(notes, isWhole) {
  const meant = notes.filter(({ outcome }) => outcome !== "lacks");
  if (meant.length === 0) return "–";
  const right = meant.filter(({ outcome }) => outcome === "ok").length;
  if (isWhole) return right === meant.length ? "✓" : "✗";
  return right === meant.length ? `${right}` : `**${right} of ${meant.length}**`;
}

function readNotes() {
  const names = existsSync(NOTES) ? readdirSync(NOTES) : [];
  const places = names.map((name) => JSON.parse(readFileSync(join(NOTES, name), "utf8")));
  const place = ({ heading }) => (ORDER.includes(heading) ? ORDER.indexOf(heading) : ORDER.length);
  return places.sort((a, b) => place(a) - place(b));
}
