// Time and CPU at equal concurrency, compared with good JavaScript without retries, checks or budget.
import { interleave } from "../rounds.mjs";
import { atMost, ratio, table } from "../table.mjs";

export const title = "plain chunks at equal width, unshaped: time and CPU of all the browser's processes, over by hand";

const FILES = { "64 KiB": { chunkSize: 64 * 1024, length: 4 << 20, repeat: 16 }, "4 MiB": { chunkSize: 4 << 20, length: 4 << 20, repeat: 64 } };
const WIDTH = 4;

export async function run(bench) {
  const rows = [];
  const store = await bench.startStore();
  for (const [chunks, about] of Object.entries(FILES)) {
    const file = await bench.addFile(store, `cost-${about.chunkSize}`, about);
    const ways = {
      hand: bench.rival(file, "pipeline", WIDTH), again: bench.rival(file, "pipeline", WIDTH),
      off: bench.kelp(file, { concurrency: WIDTH, verify: "off" }), kelp: bench.kelp(file, { concurrency: WIDTH }),
    };
    const samples = await interleave(ways, bench.rounds(9, 3));
    const row = (what, name, isGoal) => {
      const [time, cpu] = [samples.ratio(name, "hand"), samples.ratio(name, "hand", "cpu")];
      const page = samples.ratio(name, "hand", "page");
      const each = samples.map(name, (sample) => sample.cpu / (file.size / 2 ** 20));
      return [chunks, what, ratio(time), isGoal ? atMost(1, time) : "", ratio(cpu), isGoal ? atMost(1, cpu) : "", ratio(page), ratio(each, " ms")];
    };
    rows.push(row("by hand", "hand"), row("by hand, again", "again"), row("kelp-stream, nothing verified", "off", true), row("kelp-stream, every MD5 verified", "kelp"));
  }
  table(["chunks", `width ${WIDTH}`, "time over by hand", "goal", "CPU over by hand", "goal", "CPU of the page's thread over by hand", "CPU of a MiB"], rows);
}
