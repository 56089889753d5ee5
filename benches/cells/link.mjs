// The used share of a link.
import { interleave } from "../rounds.mjs";
import { atLeast, ratio, table } from "../table.mjs";

export const title = "4 MiB plain chunks over a line of 125 MB/s that all share, 20 ms";

const LINE = 125e6;
const LATENCY = 20;

export async function run(bench) {
  const store = await bench.startStore();
  const file = await bench.addFile(store, "link", { length: 4 << 20, chunkSize: 4 << 20, repeat: bench.quick ? 32 : 64 });
  await store.ask("setLatency", LATENCY);
  await store.ask("setLink", LINE);
  // The GET of the filer gets the latency of a chunk.
  await store.ask("fault", { server: "filer", path: "/b/link", ranged: false }, { latency: LATENCY });
  const ways = {
    whole: bench.rival(file, "whole"), again: bench.rival(file, "whole"), auto: bench.kelp(file, {}), kelp: bench.kelp(file, { concurrency: 4 }),
    hand: bench.rival(file, "pipeline", 4), sequential: bench.rival(file, "sequential"),
  };
  const samples = await interleave(ways, bench.rounds(5, 2), 1);
  const share = (name) => samples.map(name, ({ ms }) => (file.size / ms) * 1000 / LINE);
  const row = (what, name) => [what, ratio(share(name)), ratio(samples.ratio("whole", name)), ["auto", "kelp"].includes(name) ? atLeast(0.985, samples.ratio("whole", name)) : ""];
  table(["", "share of the line", "over one big response", "goal"], [
    row("one big response", "whole"), row("the same again", "again"), row("kelp-stream, auto", "auto"), row("kelp-stream, 4", "kelp"),
    row("by hand, 4", "hand"), row("by hand, sequential", "sequential"),
  ]);
}
