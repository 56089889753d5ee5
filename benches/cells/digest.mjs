// What the check of every chunk's MD5 costs.
import { interleave } from "../rounds.mjs";
import { atMost, ratio, table } from "../table.mjs";

export const title = "plain chunks, unshaped: every MD5 verified over nothing verified";

const FILES = {
  "4 MiB": { about: { chunkSize: 4 << 20, length: 4 << 20, repeat: 64 }, cpu: 1.3, time: 1.3 },
  "1 MiB": { about: { chunkSize: 1 << 20, length: 4 << 20, repeat: 48 }, cpu: 1.15, time: 1.2 },
  "64 KiB": { about: { chunkSize: 64 * 1024, length: 4 << 20, repeat: 16 }, cpu: 1.05, time: 1.05 },
};
const WIDTHS = [4, "auto"];

export async function run(bench) {
  const store = await bench.startStore();
  const rows = [];
  for (const [chunks, { about, ...goals }] of Object.entries(FILES)) {
    const file = await bench.addFile(store, `digest-${about.chunkSize}`, about);
    for (const concurrency of WIDTHS) rows.push(...(await measure(bench, file, chunks, concurrency, goals)));
    if (!bench.inNode) rows.push(await measureWorkers(bench, file, chunks));
  }
  table(["chunks", "at a time", "", "CPU over nothing verified", "goal", "time over nothing verified", "goal", "CPU of a MiB"], rows);
}

/** What it would cost if workers did it. */
async function measureWorkers(bench, file, chunks) {
  const samples = await interleave({ off: bench.rival(file, "pipeline", 4), on: bench.way("digested", { file: file.name, width: 4 }) }, bench.rounds(11, 3));
  const each = samples.map("on", (sample) => sample.cpu / (file.size / 2 ** 20));
  const row = ["by hand, every MD5 verified in two workers, over none", ratio(samples.ratio("on", "off", "cpu")), "", ratio(samples.ratio("on", "off")), "", ratio(each, " ms")];
  return [chunks, "4", ...row];
}

async function measure(bench, file, chunks, concurrency, goals) {
  const kelp = (verify) => bench.kelp(file, { concurrency, verify });
  const samples = await interleave({ off: kelp("off"), again: kelp("off"), on: kelp("stream") }, bench.rounds(11, 3));
  const row = (what, way, isGoal) => {
    const [cpu, time] = [samples.ratio(way, "off", "cpu"), samples.ratio(way, "off")];
    const each = samples.map(way, (sample) => sample.cpu / (file.size / 2 ** 20));
    return [chunks, String(concurrency), what, ratio(cpu), isGoal ? atMost(goals.cpu, cpu) : "", ratio(time), isGoal ? atMost(goals.time, time) : "", ratio(each, " ms")];
  };
  return [row("nothing verified", "off"), row("nothing verified, again", "again"), row("every MD5 verified", "on", true)];
}
