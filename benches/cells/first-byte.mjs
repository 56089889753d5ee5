// The time to the first byte.
import { interleave } from "../rounds.mjs";
import { amount, atMost, ratio, table } from "../table.mjs";

export const title = "the first byte of a plain chunk of 4 MiB at 20 ms, over a plain fetch of it";

const RATES = { "unlimited": 0, "125 MB/s": 125e6, "12.5 MB/s": 12.5e6 };

export async function run(bench) {
  const store = await bench.startStore();
  const file = await bench.addFile(store, "first-byte", { length: 4 << 20, chunkSize: 4 << 20 });
  await store.ask("setLatency", 20);
  const plain = () => bench.way("plainFetch", { file: file.name });
  const rows = [];
  for (const [rate, bytesPerSecond] of Object.entries(RATES)) {
    await store.ask("setRate", bytesPerSecond);
    const samples = await interleave({ plain: plain(), again: plain(), kelp: bench.kelp(file, {}), off: bench.kelp(file, { verify: "off" }) }, bench.rounds(15, 7), 2);
    const over = samples.ratio("kelp", "plain", "first");
    rows.push([rate, ratio(over), atMost(1.1, over), ratio(samples.ratio("off", "plain", "first")), ratio(samples.ratio("again", "plain", "first")), amount(samples.of("kelp", "first")), amount(samples.of("plain", "first"))]);
  }
  table(["rate of a response", "kelp-stream over a plain fetch", "goal", "the same, nothing verified", "a plain fetch over itself", "kelp-stream", "a plain fetch"], rows);
}
