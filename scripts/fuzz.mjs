// `npm run fuzz`: runs every target of fuzz/ under libFuzzer for ten minutes, one after another. `npm run fuzz -- entry plan` runs
// these targets, `--seconds 60` sets the time of each, and `--keep` copies new inputs to fuzz/seeds, which `cargo test` replays.
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ask, Failure, isMain, main, root, run } from "./command.mjs";

/** The longest input in bytes: longer ones reach no further code of these parsers. */
const LONGEST = 4096;

/** Seconds that one input may take: far more than any needs, even on a busy machine. */
const TIMEOUT = 20;

async function fuzz(args) {
  const { targets, seconds, keep } = parse(args);
  if (!ask("cargo", ["+nightly", "fuzz", "--version"])) throw new Failure(MISSING);
  // The same dependencies as the package has: cargo only adds those of the fuzzer.
  copyFileSync(join(root, "Cargo.lock"), join(root, "fuzz/Cargo.lock"));
  for (const target of targets) {
    const [corpus, seeds] = ["corpus", "seeds"].map((name) => folder(name, target));
    const limits = [`-max_len=${LONGEST}`, `-timeout=${TIMEOUT}`];
    // The smallest set of files that covers every edge, without counters: dozens for most targets instead of thousands.
    const how = keep ? ["-set_cover_merge=1", "-use_counters=0"] : [`-max_total_time=${seconds}`, "-print_final_stats=1"];
    const folders = keep ? [seeds, corpus] : [corpus, seeds];
    await run("cargo", ["+nightly", "fuzz", "run", target, ...folders, "--", ...limits, ...how]);
  }
}

function parse(args) {
  const known = readdirSync(join(root, "fuzz/seeds"));
  const at = args.indexOf("--seconds");
  const seconds = at < 0 ? 600 : Number(args.splice(at, 2)[1]);
  const keep = args.includes("--keep");
  const targets = args.filter((arg) => arg !== "--keep");
  const unknown = targets.filter((target) => !known.includes(target));
  if (unknown.length > 0 || !(seconds > 0)) throw new Failure(`usage: npm run fuzz -- [--seconds N] [--keep] [target...]\nTargets: ${known.join(" ")}`);
  return { targets: targets.length > 0 ? targets : known, seconds, keep };
}

function folder(name, target) {
  const path = join(root, "fuzz", name, target);
  mkdirSync(path, { recursive: true });
  return path;
}

const MISSING = `cargo-fuzz and a nightly compiler are needed, by fuzzing alone:
  cargo install cargo-fuzz && rustup toolchain install nightly --profile minimal`;

if (isMain(import.meta)) await main(() => fuzz(process.argv.slice(2)));
