// What the cells of chunks that have to be decoded share: their files, the ways to read them, and a table.
import { interleave } from "./rounds.mjs";
import { amount, atLeast, atMost, ratio, table } from "./table.mjs";

const WIDTH = 4;
const WORKERS = 2;
const CHUNK = 4 << 20;

/** As long as a read takes, about. */
const IDLE = 500;

/**
 * Measures a kind of chunks, read over HTTP and from the page's memory, and prints a table of each.
 * @param {object} about
 * @param {string} about.title
 * @param {boolean} about.cipher @param {boolean} about.gzip
 * @param {"platform" | "crates"} about.by what decodes by hand
 * @param {{ "over HTTP": Goals, "from memory": Goals }} about.goals
 * @typedef {{ alone: number, workers: number, beside?: number, blocked?: number, longest: number }} Goals `alone` and `workers`: how many
 *   times as fast as by hand on the page's thread; `beside`: with workers, as by hand with workers
 */
export async function measureCoded(bench, { title, cipher, gzip, by, goals }) {
  const store = await bench.startStore();
  const chunks = bench.quick ? 16 : gzip ? 64 : 32;
  const file = await bench.addCoded(store, title.replace(/ /g, "-"), { cipher, gzip, chunkSize: CHUNK, distinct: 4, repeat: chunks / 4, inMemory: true });
  const missing = await bench.ask("withoutWorkers", { workers: WORKERS });
  for (const [source, goal] of Object.entries(goals)) {
    const ways = waysOf(bench, file, { by, fromMemory: source === "from memory", hasWorkers: missing === null });
    const samples = await interleave(ways, bench.rounds(9, 3), 2);
    printTable(`${title}, ${source}`, samples, goal, missing);
  }
  await bench.ask("forgetCoded");
  await bench.endStores();
}

function waysOf(bench, file, { by, fromMemory, hasWorkers }) {
  const hand = (workers) => bench.way("handCoded", { file: file.name, fromMemory, by, workers, width: WIDTH });
  const kelp = (workers, options = { concurrency: WIDTH }) => bench.way("kelpCoded", { file: file.name, fromMemory, workers, options });
  return {
    idle: bench.way("idle", { ms: IDLE }), hand: hand(0), handAgain: hand(0), crew: hand(WORKERS), crewAgain: hand(WORKERS),
    alone: kelp(0), ...(hasWorkers ? { workers: kelp(WORKERS) } : {}), defaults: kelp("auto", {}),
  };
}

function printTable(title, samples, { alone, workers, beside, blocked, longest }, missing) {
  const page = (way, goals = {}) => [
    amount(samples.of(way, "blocked"), "%"), judged(atMost, goals.blocked, samples.of(way, "blocked")),
    amount(samples.of(way, "longest")), judged(atMost, goals.longest, samples.of(way, "longest")),
  ];
  const row = (what, way, goals = {}) => {
    const [over, aside] = [samples.ratio("hand", way), samples.ratio("crew", way)];
    return [what, ratio(over), judged(atLeast, goals.over, over), ratio(aside), judged(atLeast, goals.beside, aside), ...page(way, goals), amount(samples.of(way))];
  };
  table([title, "over by hand", "goal", `over by hand, ${WORKERS} workers`, "goal", "page blocked", "goal", "longest gap", "goal", "time"], [
    ["page idle", "", "", "", "", ...page("idle"), ""],
    row("by hand", "hand"), row("by hand, again", "handAgain"),
    row(`by hand, ${WORKERS} workers`, "crew"), row(`by hand, ${WORKERS} workers, again`, "crewAgain"),
    row("kelp-stream, no workers", "alone", { over: alone, longest }),
    missing ? [`kelp-stream, ${WORKERS} workers`, `not in this build: ${missing}`, ...Array(8).fill("")]
      : row(`kelp-stream, ${WORKERS} workers`, "workers", { over: workers, beside, blocked, longest }),
    row(`kelp-stream, defaults (workers: ${samples.of("defaults", "up").mid})`, "defaults", { blocked, longest }),
  ]);
}

const judged = (judge, goal, spread) => (goal === undefined ? "" : judge(goal, spread));
