// `npm test`: everything that a change must pass. `npm test -- lint core` runs only those steps.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installBrowsers } from "./install/browsers.mjs";
import { build } from "./build.mjs";
import { driverEnvironments } from "./install/drivers.mjs";
import { buildComponents } from "./component.mjs";
import { Failure, main, manifest, run, target } from "./command.mjs";
import { conformance } from "./conformance.mjs";
import { installHosts } from "./install/hosts.mjs";
import { checkLicences } from "./licences.mjs";
import { needTests, nodeTests } from "./runner.mjs";
import { installRuntimes } from "./install/runtimes.mjs";
import { setup } from "./setup.mjs";
import { checkSize } from "./size.mjs";
import { wasmPack } from "./wasm-pack.mjs";

const WASM = ["--target", "wasm32-unknown-unknown"];
const IN_BROWSER = ["--test", "web", "--test", "worker"];
const DENY = ["--", "-D", "warnings"];

/** The steps, in the order in which a full run takes them: what fails soonest comes first. */
const steps = {
  setup,
  lint,
  licences,
  links: () => nodeTests("tests/docs"),
  docs,
  types,
  wit: () => run("cargo", ["xtask", "wit", "wit"]),
  core,
  native,
  web,
  "wasm-pack": wasmPack,
  store: () => nodeTests("tests/store"),
  build,
  size: checkSize,
  pack,
  edge: () => nodeTests("tests/edge"),
  node: () => nodeTests("tests/package/node"),
  chromium: () => nodeTests("tests/package/chromium"),
  page: () => nodeTests("tests/page"),
  component,
  runtimes,
  conformance,
  cluster: () => nodeTests("tests/cluster"),
};

/** Steps that take longer than a full run should, by their names alone. */
const long = {
  elsewhere: () => elsewhere("node24", "deno", "bun", "firefox", "webkit"),
};

async function types() {
  for (const project of ["tsconfig.json", "gateway/tsconfig.json"]) await run("npx", ["--no-install", "tsc", "--project", project]);
}

async function lint() {
  await run("cargo", ["fmt", "--all", "--check"]);
  await run("cargo", ["clippy", "--locked", "--all-targets", ...DENY]);
  await run("cargo", ["clippy", "--locked", "--features", "native", "--lib", "--examples", "--test", "native", ...DENY]);
  await run("cargo", ["clippy", "--locked", "--package", "kelp-cli", "--package", "kelp-stream-cipher", "--all-targets", ...DENY]);
  await run("cargo", ["clippy", "--locked", ...WASM, "--lib", ...IN_BROWSER, ...DENY]);
  for (const features of ["component-library", "component-gateway", "component-library,component-async", "component-gateway,component-async"]) {
    await run("cargo", ["clippy", "--locked", ...WASM, "--lib", "--features", features, ...DENY]);
  }
  await run("cargo", ["clippy", "--locked", "--profile", "xtask", "--package", "xtask", ...DENY]);
}

async function licences() {
  await nodeTests("tests/licences");
  await checkLicences();
}

async function docs() {
  const env = { RUSTDOCFLAGS: "-D warnings" };
  await run("cargo", ["doc", "--no-deps", "--features", "native"], { env });
  await run("cargo", ["doc", "--no-deps", ...WASM], { env });
}

async function core() {
  needTests(/^test result: ok\. (\d+) passed/gm, await run("cargo", ["test"]));
}

// What a program reads with: the host, its documentation's example, the command line.
async function native() {
  const host = ["--features", "native", "--test", "native", "--example", "native"];
  needTests(/^test result: ok\. (\d+) passed/gm, await run("cargo", ["test", "--locked", ...host]));
  await run("cargo", ["test", "--locked", "--features", "native", "--doc"]);
  needTests(/^test result: ok\. (\d+) passed/gm, await run("cargo", ["test", "--locked", "--package", "kelp-cli"]), 2);
}

// The same tests in a page and in a dedicated worker: they differ in what a platform offers. Each file says where it
// runs, so a run does not ask for a place: wasm-bindgen's runner would skip the file of the other.
async function web() {
  const printed = await run("cargo", ["test", ...WASM, ...IN_BROWSER], { env: driverEnvironments().chrome.env });
  needTests(/^test result: ok\. (\d+) passed/gm, printed, 2);
}

// The package as a user gets it: packed, and installed without a network into a folder of its own.
async function pack() {
  const folder = join(target, "pack");
  const consumer = join(folder, "consumer");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(consumer, { recursive: true });
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  await run("npm", ["pack", "--pack-destination", folder]);
  const tarball = join(folder, `${manifest.name}-${manifest.version}.tgz`);
  await run("npm", ["install", "--offline", "--no-save", "--no-audit", "--no-fund", tarball], { cwd: consumer });
  await nodeTests("tests/package", { recursive: false });
}

// What nobody can install here is skipped, and the reason printed.
async function component() {
  await buildComponents();
  await installHosts();
  await nodeTests("tests/component");
}

// The browsers and runtimes that the list of conformance is held against, besides Chromium and this Node.
async function runtimes() {
  await installBrowsers();
  await installRuntimes();
  await nodeTests("tests/runtimes");
}

// The behaviours of the package, where the list of conformance stands for them in a full run.
async function elsewhere(...places) {
  await installBrowsers();
  await installRuntimes();
  for (const place of places) await nodeTests(`tests/package/${place}`);
}

function chosen(names) {
  const unknown = names.filter((name) => !(name in steps) && !(name in long));
  if (unknown.length > 0) throw new Failure(`no such step: ${unknown.join(", ")}\nSteps: ${Object.keys({ ...steps, ...long }).join(" ")}`);
  return names.length > 0 ? names : Object.keys(steps);
}

await main(async () => {
  const results = [];
  try {
    for (const name of chosen(process.argv.slice(2))) await timed(name, results);
  } finally {
    for (const { name, outcome, seconds } of results) console.log(`${outcome.padEnd(6)} ${name.padEnd(10)} ${seconds} s`);
  }
});

async function timed(name, results) {
  console.log(`\n== ${name}`);
  const start = Date.now();
  const result = { name, outcome: "failed" };
  results.push(result);
  try {
    await (steps[name] ?? long[name])();
    result.outcome = "ok";
  } finally {
    result.seconds = ((Date.now() - start) / 1000).toFixed(1);
    console.log(`-- ${name}: ${result.outcome}, ${result.seconds} s`);
  }
}
