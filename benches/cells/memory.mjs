// The memory growth of a page while it reads two gibibytes: plain ones, and some that workers decode.
import { setTimeout as sleep } from "node:timers/promises";
import { interleave } from "../rounds.mjs";
import { amount, atMost, table } from "../table.mjs";

export const title = "files of 4 MiB chunks, garbage collected every 32 MiB: growth of the page's process";

const MIB = 2 ** 20;
const BUDGET = 32;
const WORKERS = 2;
/** Of the process from the second quarter to the last: flat, but for what the collector leaves. */
const SLOPE = 16;

export async function run(bench) {
  const store = await bench.startStore();
  const mib = bench.quick ? 1024 : 2048;
  const file = await bench.addFile(store, "memory", { length: 4 * MIB, chunkSize: 4 * MIB, repeat: mib / 4 });
  const coded = await bench.addCoded(store, "memory-coded", { cipher: true, gzip: true, chunkSize: 4 * MIB, distinct: 4, repeat: mib / 16 });
  const way = (by) => () => grown(bench, bench.way("collecting", { file: file.name, by, every: 32 * MIB, width: 4 }));
  const crew = () => grown(bench, bench.way("collectingCoded", { file: coded.name, every: 32 * MIB, workers: WORKERS }));
  const samples = await interleave({ kelp: way("kelp"), pipeline: way("pipeline"), crew }, bench.rounds(3, 1), 0);
  const row = (what, way, most) => {
    const [growth, slope, peak] = [samples.of(way, "growth"), samples.of(way, "slope"), samples.map(way, (sample) => sample.peak / MIB)];
    return [what, amount(growth, "MiB"), most ? atMost(most, growth) : "", amount(slope, "MiB"), atMost(SLOPE, slope), amount(peak, "MiB"), atMost(BUDGET, peak)];
  };
  table([`${mib} MiB`, "growth", "goal", "last quarter over the second", "goal", "most bytes ahead", "goal"], [
    row("kelp-stream, auto", "kelp", 80),
    ["by hand, 4", amount(samples.of("pipeline", "growth"), "MiB"), "", amount(samples.of("pipeline", "slope"), "MiB"), "", "", ""],
    row(`kelp-stream, gzip in AES-GCM, ${samples.of("crew", "up").mid} workers`, "crew"),
  ]);
}

/** Measures the process of the page during a run: its peak growth in MiB, and the growth from the second quarter to the last. */
async function grown(bench, way) {
  await bench.way("collect", {})();
  const before = bench.memory();
  const seen = [];
  let over = false;
  const reading = way().finally(() => (over = true));
  while (!over) {
    seen.push((bench.memory() - before) / MIB);
    await sleep(100);
  }
  const quarter = (n) => median(seen.slice((seen.length * n) >> 2, (seen.length * (n + 1)) >> 2));
  return { ...(await reading), growth: Math.max(...seen), slope: quarter(3) - quarter(1) };
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
