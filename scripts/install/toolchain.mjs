// Installs what a build needs: the Rust toolchain with its wasm target, and node_modules.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ask, Failure, find, root, run } from "../command.mjs";

const WASM = "wasm32-unknown-unknown";

/** @throws {Failure} if Node is too old for the scripts and the tests */
export function needNode() {
  if (Number.parseInt(process.versions.node) < 20) {
    throw new Failure(`Node 20 or newer is needed, this is ${process.versions.node}: see https://nodejs.org`);
  }
}

/** Installs the toolchain of rust-toolchain.toml with its wasm target, unless it is installed. */
export async function needRust() {
  if (hasTarget()) return;
  if (!find("rustup")) throw new Failure(WITHOUT_RUSTUP);
  // Explicit, since RUSTUP_AUTO_INSTALL=0 disables the automatic installation.
  await run("rustup", ["toolchain", "install", channel(), "--profile", "minimal", "--no-self-update", "-c", "rustfmt", "-c", "clippy", "-t", WASM]);
  if (!hasTarget()) throw new Failure(`rustup installed ${channel()}, but ${WASM} is still missing: rustup target add ${WASM}`);
}

/** @throws {Failure} if the linter or the formatter is missing */
export function needLinters() {
  for (const [component, command] of [["clippy", "clippy"], ["rustfmt", "fmt"]]) {
    if (!ask("cargo", [command, "--version"])) throw new Failure(`${component} is missing: rustup component add ${component}`);
  }
}

/** Installs the packages of package-lock.json, unless node_modules is newer. */
export async function needModules() {
  const installed = join(root, "node_modules/.package-lock.json");
  const lock = join(root, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  await run("npm", ["ci", "--no-audit", "--no-fund"]);
}

// Asks rustc, not rustup: the Rust of a distribution with the wasm target is sufficient.
function hasTarget() {
  const libraries = ask("rustc", ["--print", "target-libdir", "--target", WASM]);
  return libraries !== null && existsSync(libraries);
}

function channel() {
  return /^channel\s*=\s*"(.+)"/m.exec(readFileSync(join(root, "rust-toolchain.toml"), "utf8"))[1];
}

const WITHOUT_RUSTUP = `Rust with its target ${WASM} is needed, and there is no rustup to install it.
Install rustup from https://rustup.rs, or a Rust that has this target, and put it on PATH.`;
