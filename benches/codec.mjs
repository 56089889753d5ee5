// `npm run bench:codec`: AES-256-GCM in wasm, the kernel of codec/ beside the crate aes-gcm. `-- --timing`: whether time depends on secrets.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SIMD } from "../scripts/build.mjs";
import { main, run, target } from "../scripts/command.mjs";

const WASM = "wasm32-unknown-unknown";
const ROUNDS = Number(process.env.ROUNDS ?? 21);
const SAMPLES = Number(process.env.SAMPLES ?? 20_000);

/** Above this Welch's t says that two classes differ, whatever the number of samples (dudect's threshold). */
const THRESHOLD = 4.5;

const now = () => Number(process.hrtime.bigint()) / 1e3;

async function bench() {
  const module = await load();
  if (process.argv.includes("--timing")) timing(module);
  else speed(module);
}

async function load() {
  const options = ["--package", "kelp-stream-codec", "--example", "kernels", "--profile", "wasm", "--target", WASM];
  await run("cargo", ["build", ...options], { env: { CARGO_ENCODED_RUSTFLAGS: SIMD.join("\x1f") } });
  const { instance } = await WebAssembly.instantiate(readFileSync(join(target, WASM, "wasm/examples/kernels.wasm")));
  return instance.exports;
}

// Both ways in each round, in turns first: a ratio is taken within a round.
function speed(module) {
  console.log(`AES-256-GCM in wasm, Node ${process.versions.node}: medians of ${ROUNDS} rounds`);
  for (const length of [64 << 10, 1 << 20, 4 << 20]) {
    module.prepare(length, 7);
    const times = Math.ceil((4 << 20) / length);
    const rounds = [];
    for (let round = -3; round < ROUNDS; round++) {
      const ways = ["open_codec", "open_crate"];
      if (round % 2 === 0) ways.reverse();
      const taken = Object.fromEntries(ways.map((way) => [way, open(module, way, times)]));
      if (round >= 0) rounds.push(taken);
    }
    const rate = (way) => (times * length) / median(rounds.map((taken) => taken[way]));
    const ratios = rounds.map((taken) => taken.open_crate / taken.open_codec);
    console.log(`${String(length >> 10).padStart(5)} KiB: kernel ${rate("open_codec").toFixed(0)} MB/s, crate ${rate("open_crate").toFixed(0)} MB/s, ${median(ratios).toFixed(2)}x (quartiles ${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)})`);
  }
}

/** The time of some calls, in microseconds, without making the ciphertext anew. */
function open(module, way, times) {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    module.reset();
    const start = now();
    if (module[way]() !== 1) throw new Error(`${way} refused a right tag`);
    sum += now() - start;
  }
  return sum;
}

function timing(module) {
  const wrongTag = (bit) => () => { module.prepare(64, 7); module.flip(bit); };
  const key = (seed) => () => module.prepare(4096, seed);
  const random = () => 1 + Math.floor(Math.random() * 0xffff_fffe);
  compare(module, "same class twice", wrongTag(0), wrongTag(0));
  compare(module, "tag: first bit wrong, last bit wrong", wrongTag(0), wrongTag(127));
  compare(module, "key: zero, random", key(0), () => key(random())());
}

// The order is random and each class is prepared by the same calls. The slowest tenth of the samples is interrupts, and is left out.
function compare(module, title, ...classes) {
  const samples = [[], []];
  for (let i = 0; i < SAMPLES; i++) {
    const which = Math.random() < 0.5 ? 0 : 1;
    classes[which]();
    const start = now();
    module.open_codec();
    const taken = now() - start;
    if (i >= 1000) samples[which].push(taken);
  }
  const limit = quantile(samples.flat(), 0.9);
  const [a, b] = samples.map((times) => moments(times.filter((time) => time <= limit)));
  const t = Math.abs(a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count);
  console.log(`${title}: t = ${t.toFixed(2)} of ${THRESHOLD}, means ${a.mean.toFixed(3)} and ${b.mean.toFixed(3)} µs${t > THRESHOLD ? ": THEY DIFFER" : ""}`);
}

function moments(times) {
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const variance = times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / (times.length - 1);
  return { mean, variance, count: times.length };
}

const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))];
const median = (values) => quantile(values, 0.5);

await main(bench);
