// Four concurrent chunks compared with one: the gain of the pipeline of SeaweedFS's filer.
import { interleave } from "../rounds.mjs";
import { amount, atLeast, ratio, table } from "../table.mjs";

export const title = "64 plain chunks of 64 KiB, one host, four at a time over one at a time";

/** The published gain of the filer's pipeline of four: latency of a chunk in ms, ratio to sequential. */
const PUBLISHED = { 0: 2.2, 5: 3.8, 10: 4.0, 20: 3.9 };
const CHUNK = 64 * 1024;

export async function run(bench) {
  const store = await bench.startStore();
  const file = await bench.addFile(store, "look-ahead", { length: 64 * CHUNK, chunkSize: CHUNK });
  const byHand = (width) => bench.rival(file, "pipeline", width);
  const ways = {
    kelp1: bench.kelp(file, { concurrency: 1 }), kelp4: bench.kelp(file, { concurrency: 4 }), sequential: bench.rival(file, "sequential"),
    hand1: byHand(1), hand4: byHand(4), again4: byHand(4),
  };
  const rows = [];
  for (const latency of Object.keys(PUBLISHED).map(Number)) {
    await store.ask("setLatency", latency);
    rows.push(row(latency, await interleave(ways, bench.rounds(7, 3))));
  }
  table(["latency", "published", "kelp-stream, 4 over 1", "goal", "by hand, 4 over 1", "kelp-stream 4 over sequential", "kelp-stream over by hand, 4", "by hand over itself, 4", "kelp-stream, 4"], rows);
}

function row(latency, samples) {
  const gain = samples.ratio("kelp1", "kelp4");
  const besides = samples.ratio("hand4", "kelp4");
  const goal = latency >= 10 ? atLeast(3.75, gain) : latency === 5 ? `over by hand ${atLeast(1, besides)}` : "";
  return [
    `${latency} ms`, `${PUBLISHED[latency]}x`, ratio(gain), goal, ratio(samples.ratio("hand1", "hand4")), ratio(samples.ratio("sequential", "kelp4")),
    ratio(besides), ratio(samples.ratio("hand4", "again4")), amount(samples.of("kelp4")),
  ];
}
