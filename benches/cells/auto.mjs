// Automatic concurrency compared with the best fixed one, which differs between cells and is known only afterwards.
import { interleave } from "../rounds.mjs";
import { atLeast, atMost, ratio, table } from "../table.mjs";

export const title = "the automatic width over the best fixed one, within the same bytes";

const CHUNKS = { "64 KiB": { size: 64 * 1024, content: 4 << 20, repeat: 4 }, "4 MiB": { size: 4 << 20, content: 8 << 20, repeat: 12 } };
const HOSTS = { "one HTTP/1.1": { volumes: 1 }, "four HTTP/1.1": { volumes: 4 }, "HTTP/2": { volumes: 1, http2: true } };
const WIDTHS = [64, 32, 16, 8, 6, 4, 2, 1];

/** Fixed values whose first run took at most this many times the best run are measured. */
const NEAR = 1.2;
/** A first run this many times slower than the best ends the search: lower values are slower still. */
const HOPELESS = 1.6;
/** A ratio to the best that counts as enough. */
const ENOUGH = 1.03;

export async function run(bench) {
  const rows = [];
  for (const [hosts, options] of Object.entries(HOSTS)) {
    if (bench.inNode && options.http2) continue; // the fetch of Node uses HTTP/1.1
    const store = await bench.startStore(options);
    for (const [chunks, { size, content, repeat }] of Object.entries(CHUNKS)) {
      const spread = store.volumes.map((_, index) => [index]);
      const file = await bench.addFile(store, `auto ${chunks}`.replace(/ /g, "-"), { length: content, chunkSize: size, repeat, spread });
      for (const latency of bench.quick ? [0, 20] : [0, 5, 20, 50]) {
        await store.ask("setLatency", latency);
        rows.push([chunks, hosts, `${latency} ms`, ...(await measure(bench, file, `${hosts} ${chunks} ${latency}`))]);
        console.log(rows.at(-1).join("  "));
      }
    }
    await bench.endStores();
  }
  console.log();
  table(["chunks", "hosts", "latency", "best fixed width", "known: auto over it", "goal", "first: auto over it", "goal", "auto's width (known)", "smallest enough", "goal"], rows);
}

async function measure(bench, file, pool) {
  const near = await trials(bench, file);
  const ways = Object.fromEntries(near.map((width) => [width, fixed(bench, file, width)]));
  const known = bench.kelp(file, {}, { pool });
  await known();
  const samples = await interleave({ ...ways, known, first: bench.kelp(file, {}) }, bench.rounds(5, 3), 0);
  const best = near.reduce((a, b) => (samples.of(b).mid < samples.of(a).mid ? b : a));
  const enough = Math.min(...near.filter((width) => samples.of(width).mid <= samples.of(best).mid * ENOUGH));
  const [over, first] = [samples.ratio(best, "known"), samples.ratio(best, "first")];
  const width = samples.of("known", "width");
  return [
    `${best} (${samples.of(best).mid.toFixed(0)} ms)`, ratio(over), atLeast(0.95, over), ratio(first), atLeast(0.85, first),
    String(width.mid), String(enough), `1.5 of it ${atMost(1.5 * enough, width)}`,
  ];
}

/** The values to measure: the better of two runs of each, from the highest down. */
async function trials(bench, file) {
  await fixed(bench, file, 8)();
  const took = new Map();
  for (const width of WIDTHS) {
    const [one, other] = [await fixed(bench, file, width)(), await fixed(bench, file, width)()];
    took.set(width, Math.min(one.ms, other.ms));
    if (took.get(width) > HOPELESS * Math.min(...took.values())) break;
  }
  const best = Math.min(...took.values());
  return [...took].filter(([, ms]) => ms <= NEAR * best).map(([width]) => width);
}

// perHost does not limit: the concurrency does, or the platform.
const fixed = (bench, file, width) => bench.kelp(file, { concurrency: width, perHost: width });
