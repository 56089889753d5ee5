// The memory growth of a page while it reads two gibibytes.
import { setTimeout as sleep } from "node:timers/promises";
import { interleave } from "../rounds.mjs";
import { amount, atMost, table } from "../table.mjs";

export const title = "a plain file of 4 MiB chunks, garbage collected every 32 MiB: growth of the page's process";

const MIB = 2 ** 20;
const BUDGET = 32;

export async function run(bench) {
  const store = await bench.startStore();
  const mib = bench.quick ? 1024 : 2048;
  const file = await bench.addFile(store, "memory", { length: 4 * MIB, chunkSize: 4 * MIB, repeat: mib / 4 });
  const way = (by) => () => grown(bench, bench.way("collecting", { file: file.name, by, every: 32 * MIB, width: 4 }));
  const samples = await interleave({ kelp: way("kelp"), pipeline: way("pipeline") }, bench.rounds(3, 1), 0);
  const peak = samples.map("kelp", (sample) => sample.peak / MIB);
  const growth = samples.of("kelp", "growth");
  table([`${mib} MiB`, "growth", "goal", "last quarter over the second", "goal", "most bytes ahead", "goal"], [
    ["kelp-stream, auto", amount(growth, "MiB"), atMost(80, growth), amount(samples.of("kelp", "slope"), "MiB"), atMost(16, samples.of("kelp", "slope")), amount(peak, "MiB"), atMost(BUDGET, peak)],
    ["by hand, 4", amount(samples.of("pipeline", "growth"), "MiB"), "", amount(samples.of("pipeline", "slope"), "MiB"), "", "", ""],
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
