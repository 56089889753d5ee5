// The list: the cases of cases/*.json, each with the shared fields of its group, and those of the captured clusters.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FIXTURES } from "../store/index.mjs";

const FOLDER = fileURLToPath(new URL("cases/", import.meta.url));
const CAPTURED = "captured";

/** All cases, in the order of the list. README.md describes the fields. */
export function cases() {
  const groups = readdirSync(FOLDER).map((name) => name.replace(".json", "")).sort();
  return groups.flatMap((name) => {
    const group = read(join(FOLDER, `${name}.json`));
    return name === CAPTURED ? captured(group) : inGroup(name, group);
  });
}

function inGroup(group, { store = {}, open, cases: list }) {
  return list.map((each) => ({ faults: [], dead: [], ...each, group, store: { ...store, ...each.store }, open: each.open ?? open }));
}

// Each file of a captured cluster is a case, once for each way to its chunks.
function captured({ clusters, parts, broken, options }) {
  return Object.entries(clusters).flatMap(([cluster, { locate, filerToken }]) => {
    const files = read(join(FIXTURES, "seaweedfs", cluster, "cases.json"));
    return locate.flatMap((way) => files.map((file) => ({
      name: `${file.name}, ${way === "proxy" ? "through the filer" : "from the volume servers"}`,
      group: `${CAPTURED}: ${cluster}`,
      store: { cluster },
      open: { filer: { path: file.path }, locate: way, filerToken, options, sse: keysOf(file) },
      faults: [],
      dead: [],
      ...expected(file, parts[file.name] !== undefined, broken[file.name]),
    })));
  });
}

function expected({ size, sha256, ranges = [] }, isParted, error) {
  if (error) return { steps: [{ read: {}, ...error }] };
  const whole = { read: {}, sha256, length: size };
  const parts = ranges.filter(({ start, end }) => !isParted || end - start <= 100_000);
  const steps = parts.map(({ start, end, sha256: part }) => ({ read: { start, end }, sha256: part, length: end - start }));
  return { file: { size }, steps: isParted ? steps : [whole, ...steps] };
}

const keysOf = ({ key }) => ({ customerKey: key?.sseC, kek: key?.sseS3Kek });

const read = (path) => JSON.parse(readFileSync(path, "utf8"));
