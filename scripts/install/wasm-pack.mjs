// wasm-pack, and the programs of wasm-bindgen that it looks for on PATH.
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { find, run, target } from "../command.mjs";

// Exact, so that a release of wasm-pack does not change what the tests run.
const VERSION = "0.15.1";

const folder = join(target, "wasm-pack");

// wasm-pack runs for a fraction of a second: without optimisation it is built in half the time.
const FAST_BUILD = { CARGO_PROFILE_RELEASE_OPT_LEVEL: "0", CARGO_PROFILE_RELEASE_LTO: "off", CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16" };

/**
 * Path of wasm-pack: the one on PATH, else the one that cargo builds into target/. `{ program }`, or `{ skip }` with the reason if
 * cargo cannot build it.
 */
export async function installWasmPack() {
  const installed = join(folder, "bin/wasm-pack");
  const program = find("wasm-pack", installed);
  if (program) return { program };
  try {
    await run("cargo", ["install", "--locked", "--quiet", "--version", VERSION, "--root", folder, "wasm-pack"], { env: FAST_BUILD });
    return { program: installed };
  } catch ({ message }) {
    return { skip: `wasm-pack is not on PATH, and cannot be built: ${message}` };
  }
}

/**
 * Builds xtask and links it under the names of wasm-bindgen's programs; xtask runs as the program by whose name it is called.
 * Its version is the one in Cargo.lock, so wasm-pack, which compares versions, downloads nothing.
 * @returns {Promise<string>} the folder of the links
 */
export async function linkWasmBindgen() {
  await run("cargo", ["build", "--quiet", "--locked", "--profile", "xtask", "--package", "xtask"]);
  const links = join(folder, "wasm-bindgen");
  rmSync(links, { recursive: true, force: true });
  mkdirSync(links, { recursive: true });
  for (const name of ["wasm-bindgen", "wasm-bindgen-test-runner"]) symlinkSync(join(target, "xtask/xtask"), join(links, name));
  return links;
}
