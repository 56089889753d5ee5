// The maximum of this machine: no latency, no link.
import { interleave } from "../rounds.mjs";
import { amount, atLeast, ratio, table } from "../table.mjs";

export const title = "4 MiB plain chunks, unshaped, over one big response";

export async function run(bench) {
  const store = await bench.startStore();
  const file = await bench.addFile(store, "loopback", { length: 4 << 20, chunkSize: 4 << 20, repeat: bench.quick ? 32 : 64 });
  const kelp = (options) => bench.kelp(file, { concurrency: 4, ...options });
  const ways = {
    whole: bench.rival(file, "whole"), hand: bench.rival(file, "pipeline", 4), again: bench.rival(file, "pipeline", 4),
    off: kelp({ verify: "off" }), kelp: kelp({}), auto: kelp({ concurrency: "auto", verify: "off" }),
  };
  const samples = await interleave(ways, bench.rounds(9, 3));
  const row = (what, name, isGoal) => {
    const [over, besides] = [samples.ratio("whole", name), samples.ratio("hand", name)];
    return [what, ratio(over), isGoal ? atLeast(0.6, over) : "", ratio(besides), isGoal ? atLeast(1, besides) : "", amount(samples.of(name))];
  };
  table(["", "over one big response", "goal", "over by hand, 4", "goal", "time"], [
    row("one big response", "whole"), row("by hand, 4, again", "again"), row("kelp-stream, 4, nothing verified", "off", true),
    row("kelp-stream, auto, nothing verified", "auto", true), row("kelp-stream, 4, every MD5 verified", "kelp"),
  ]);
}
