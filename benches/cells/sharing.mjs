// Ten streams of one pool, and the start of an eleventh.
import { interleave } from "../rounds.mjs";
import { amount, atLeast, atMost, ratio, table } from "../table.mjs";

export const title = "ten bulk streams of one pool over a line of 125 MB/s, 20 ms, 4 MiB chunks; then a new one opens";

const LINE = 125e6;

export async function run(bench) {
  const store = await bench.startStore();
  await store.ask("setLatency", 20);
  await store.ask("setLink", LINE);
  const about = { length: 12 << 20, chunkSize: 4 << 20, repeat: 30, spread: [[0], [1], [2]] };
  const names = Array.from({ length: 10 }, (_, i) => `bulk${i}`);
  for (const name of names) await bench.addFile(store, name, about);
  const late = await bench.addFile(store, "late", { ...about, repeat: 1 });
  const ways = {
    alone: bench.kelp(late, {}, { bytes: 2 << 20 }),
    shared: bench.way("share", { names, late: "late", settle: 1000, length: bench.quick ? 3000 : 6000 }),
  };
  const samples = await interleave(ways, bench.rounds(5, 2), 0);
  const [first, mib] = [samples.ratio("shared", "alone", "first"), samples.ratio("shared", "alone", "mib")];
  const [even, total] = [samples.of("shared", "evenness"), samples.map("shared", ({ rate }) => rate / LINE)];
  table(["", "", "goal"], [
    ["the new one's first byte, over the same alone", `${ratio(first)}, ${amount(samples.of("shared", "first"))}`, atMost(3, first)],
    ["its first MiB, over the same alone", `${ratio(mib)}, ${amount(samples.of("shared", "mib"))}`, atMost(2.5, mib)],
    ["least over most bytes of the ten", ratio(even), atLeast(0.85, even)],
    ["all together, of the line", ratio(total), atLeast(0.95, total)],
  ]);
}
