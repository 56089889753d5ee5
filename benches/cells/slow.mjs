// One server of three is slow, and every chunk has a replica on another.
import { setTimeout as sleep } from "node:timers/promises";
import { interleave } from "../rounds.mjs";
import { atMost, ratio, table } from "../table.mjs";

export const title = "one of three servers 20 times slower, two replicas of every chunk";

const GOOD = { latency: 20, rate: 25e6 };
const SLOW = { latency: 400, rate: GOOD.rate / 20 };
const REPLICAS = [[0, 1], [1, 2], [2, 0]];
const FILES = { "1 MiB": { chunkSize: 1 << 20, length: 3 << 20, repeat: 16 }, "64 KiB": { chunkSize: 64 * 1024, length: 3 << 20, repeat: 8 } };

export async function run(bench) {
  const store = await bench.startStore();
  const { ask } = store;
  await ask("setLatency", GOOD.latency);
  await ask("setRate", GOOD.rate);
  const rows = [];
  for (const [chunks, about] of Object.entries(FILES)) {
    const file = await bench.addFile(store, `slow-${about.chunkSize}`, { ...about, spread: REPLICAS });
    const states = {
      good: () => ask("shapeVolume", 1, {}),
      start: () => ask("shapeVolume", 1, SLOW),
      middle: async () => {
        await ask("shapeVolume", 1, {});
        await ask("shapeVolumeAfter", file.size / 2, 1, SLOW);
      },
    };
    const ways = Object.fromEntries(Object.entries(states).map(([name, set]) => [name, counted(ask, set, bench.kelp(file, {}))]));
    const samples = await interleave(ways, bench.rounds(5, 2), 1);
    // Only one round: it takes so long that noise does not matter.
    const hand = {};
    for (const [name, set] of Object.entries(states)) hand[name] = await counted(ask, set, bench.rival(file, "pipeline", 8))();
    for (const name of ["start", "middle"]) rows.push(row(chunks, name, samples, hand, file.size));
  }
  table(["chunks", "slow from the", "time over all good", "goal", "bytes sent over size", "goal", "by hand, 8 at the first replica, over all good", "all good", "by hand, all good"], rows);
}

/** Sets the speed of the servers before a run, and counts the bytes that they sent after it. */
const counted = (ask, set, way) => async () => {
  await set();
  await ask("resetLog");
  const sample = await way();
  while ((await ask("inFlight")) > 0) await sleep(20);
  return { ...sample, sent: await ask("bytesSent") };
};

function row(chunks, name, samples, hand, size) {
  const over = samples.ratio(name, "good");
  const sent = samples.map(name, (sample) => sample.sent / size);
  return [
    chunks, name, ratio(over), atMost(1.15, over), ratio(sent), atMost(1.05, sent), `${(hand[name].ms / hand.good.ms).toFixed(1)}x`,
    `${samples.of("good").mid.toFixed(0)} ms`, `${hand.good.ms.toFixed(0)} ms`,
  ];
}
