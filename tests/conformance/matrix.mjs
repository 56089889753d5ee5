// The matrix of the last results: places by groups of cases, or cases by places.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { target } from "../../scripts/command.mjs";

/** The folder with the results of each place. */
export const RESULTS = join(target, "conformance");

/** The order of the places; others follow. */
const ORDER = [
  "Chromium", "Chromium worker", "Chromium service worker", "Firefox", "WebKitGTK", "Node 20", "Node 24", "Deno", "Bun", "workerd", "edge gateway",
  "WASI 0.2, jco", "WASI 0.2, wasmtime", "WASI 0.3, jco", "WASI 0.3, wasmtime", "native",
];

/** The number of cases of each group that passed in each place, as a Markdown table. */
export function matrix() {
  const places = readResults();
  const groups = [...new Set(places.flatMap(({ notes }) => notes.map(({ group }) => group)))].sort();
  const rows = places.map(({ heading, skip, notes }) => {
    if (skip) return [heading, ...groups.map(() => ""), "not here"];
    return [heading, ...groups.map((group) => count(notes.filter((note) => note.group === group))), count(notes)];
  });
  return table(["", ...groups, "all"], rows);
}

/** Each case in each place, as a Markdown table. */
export function wholeMatrix() {
  const places = readResults().filter(({ skip }) => !skip);
  const cells = new Map();
  for (const { heading, notes } of places) {
    for (const { group, name, outcome } of notes) {
      const row = `${group}: ${name}`;
      cells.set(row, { ...cells.get(row), [heading]: MARKS[outcome] });
    }
  }
  const headings = places.map(({ heading }) => heading);
  return table(["", ...headings], [...cells].map(([row, marks]) => [row, ...headings.map((heading) => marks[heading] ?? "")]));
}

/** The reasons for which places, and cases in them, were left out, one per line. */
export function reasons() {
  return readResults().flatMap(({ heading, skip, notes }) => {
    if (skip) return [`${heading}: SKIPPED, ${skip}`];
    const counts = new Map();
    for (const { outcome, reason } of notes) if (outcome === "lacks") counts.set(reason, (counts.get(reason) ?? 0) + 1);
    return [...counts].map(([reason, count]) => `${heading}: ${count} left out, ${reason}`);
  });
}

const MARKS = { ok: "✓", failed: "✗", lacks: "–" };

// How many passed. Cases that do not apply are not counted.
function count(notes) {
  const meant = notes.filter(({ outcome }) => outcome !== "lacks").length;
  const right = notes.filter(({ outcome }) => outcome === "ok").length;
  if (meant === 0) return "–";
  return right === meant ? String(right) : `**${right} of ${meant}**`;
}

function table(headings, rows) {
  const line = (cells) => `| ${cells.map((each) => each.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(headings), line(headings.map(() => "---")), ...rows.map(line)].join("\n");
}

function readResults() {
  const names = existsSync(RESULTS) ? readdirSync(RESULTS) : [];
  const places = names.map((name) => JSON.parse(readFileSync(join(RESULTS, name), "utf8")));
  const place = ({ heading }) => (ORDER.includes(heading) ? ORDER.indexOf(heading) : ORDER.length);
  return places.sort((a, b) => place(a) - place(b));
}
