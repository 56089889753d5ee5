// `npm test`: everything that a change must pass. `npm test -- lint core` runs these steps, `npm test -- fast` a group of them,
// `npm test -- node -t "part of a name"` the tests of a step that have this text in their name.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build, buildCodec } from "./build.mjs";
import { Failure, main, manifest, run, target } from "./command.mjs";
import { buildComponents, components } from "./component.mjs";
import { conformance } from "./conformance.mjs";
import { installBrowsers } from "./install/browsers.mjs";
import { driverEnvironments } from "./install/drivers.mjs";
import { installHosts } from "./install/hosts.mjs";
import { installRuntimes } from "./install/runtimes.mjs";
import { checkLicences } from "./licences.mjs";
import { cargoTests, nodeTests } from "./runner.mjs";
import { setup } from "./setup.mjs";
import { checkSize } from "./size.mjs";
import { wasmPack } from "./wasm-pack.mjs";

const WASM = ["--target", "wasm32-unknown-unknown"];
const IN_BROWSER = ["--features", "readable-stream", "--test", "web", "--test", "worker"];
const DENY = ["--", "-D", "warnings"];

/** The steps in the order of a full run: those that fail soonest come first. Each gets `{ name }`, the text after `-t`. */
const steps = {
  setup: () => setup(),
  lint,
  licences,
  links: (options) => nodeTests("tests/docs", options),
  docs,
  types,
  wit: () => run("cargo", ["xtask", "wit", "wit"]),
  core: (options) => cargoTests([{ args: [] }, { args: ["--package", "kelp-stream-codec"] }, { args: ["--profile", "xtask", "--package", "xtask"] }], options),
  native,
  web,
  "wasm-pack": () => wasmPack(),
  store: (options) => nodeTests("tests/store", options),
  build: () => build(),
  size: () => checkSize(),
  pack,
  edge: (options) => nodeTests("tests/edge", options),
  node: (options) => nodeTests("tests/package/node", options),
  chromium: (options) => nodeTests("tests/package/chromium", options),
  page: (options) => nodeTests("tests/page", options),
  examples: (options) => nodeTests("tests/examples", options),
  component,
  runtimes,
  conformance,
  cluster: (options) => nodeTests("tests/cluster", options),
};

/** Steps that take too long for a full run. They run only by their names. */
const long = {
  elsewhere: (options) => elsewhere(options, "node24", "deno", "bun", "firefox", "webkit"),
};

/** Groups of steps. `fast` needs no browser and no built package. */
const groups = {
  fast: ["lint", "links", "types", "wit", "core", "native", "store"],
};

/** Steps of which `-t` cannot choose a test. */
const WITHOUT_NAMES = ["setup", "lint", "licences", "docs", "types", "wit", "wasm-pack", "build", "size"];

async function types() {
  for (const project of ["tsconfig.json", "tests/tsconfig.json", "gateway/tsconfig.json"]) await run("npx", ["--no-install", "tsc", "--project", project]);
}

async function lint() {
  await run("cargo", ["fmt", "--all", "--check"]);
  await run("cargo", ["clippy", "--locked", "--all-targets", ...DENY]);
  await run("cargo", ["clippy", "--locked", "--features", "native", "--lib", "--examples", "--test", "native", ...DENY]);
  await run("cargo", ["clippy", "--locked", "--package", "kelp-cli", "--package", "kelp-stream-codec", "--all-targets", ...DENY]);
  await run("cargo", ["clippy", "--locked", ...WASM, "--package", "kelp-stream-codec", "--all-targets", ...DENY]);
  await run("cargo", ["clippy", "--locked", ...WASM, "--package", "kelp-stream-codec-module", ...DENY]);
  await run("cargo", ["clippy", "--locked", ...WASM, "--package", "kelp-stream-rival", ...DENY]);
  await run("cargo", ["clippy", "--locked", ...WASM, "--lib", ...DENY]);
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
  await run("cargo", ["doc", "--no-deps", ...WASM, "--features", "readable-stream"], { env });
}

// The native host, the example of its documentation, and the command line.
function native(options) {
  const host = ["--features", "native"];
  return cargoTests([
    { args: [...host, "--test", "native", "--example", "native"] },
    { args: [...host, "--doc"] },
    { args: ["--package", "kelp-cli"], programs: 3 },
  ], options);
}

// The same tests in a page and in a dedicated worker, which differ in what the platform offers. Each file says where it runs, so
// no environment variable does: wasm-bindgen's runner would skip the file of the other place.
async function web(options) {
  await buildCodec();
  await cargoTests([{ args: [...WASM, ...IN_BROWSER], env: driverEnvironments().chrome.env, programs: 2 }], options);
}

// The package as a user gets it: packed, and installed without a network into a folder of its own.
async function pack(options) {
  const folder = join(target, "pack");
  const consumer = join(folder, "consumer");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(consumer, { recursive: true });
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  await run("npm", ["pack", "--pack-destination", folder]);
  const tarball = join(folder, `${manifest.name}-${manifest.version}.tgz`);
  await run("npm", ["install", "--offline", "--no-save", "--no-audit", "--no-fund", tarball], { cwd: consumer });
  await nodeTests("tests/package", { ...options, recursive: false });
}

// A host that cannot be installed here is skipped, and the reason is printed.
async function component(options) {
  await buildComponents();
  await installHosts(components);
  await nodeTests("tests/component", options);
}

// The browsers and runtimes of the conformance list besides Chromium and this Node.
async function runtimes(options) {
  await installBrowsers();
  await installRuntimes();
  await nodeTests("tests/runtimes", options);
}

// All behaviours of the package in other browsers and runtimes. In a full run the conformance list covers these.
async function elsewhere(options, ...places) {
  await installBrowsers();
  await installRuntimes();
  for (const place of places) await nodeTests(`tests/package/${place}`, options);
}

/** The steps to run, and the text after `-t`. */
function parse(args) {
  const { positionals, values: { name } } = parseArgs({ args, allowPositionals: true, options: { name: { type: "string", short: "t" } } });
  const names = positionals.flatMap((each) => groups[each] ?? [each]);
  const known = { ...steps, ...long };
  const unknown = names.filter((each) => !Object.hasOwn(known, each));
  if (unknown.length > 0) throw new Failure(`no such step: ${unknown.join(", ")}\nSteps: ${Object.keys(known).join(" ")}\nGroups: ${Object.keys(groups).join(" ")}`);
  const nameless = name === undefined ? [] : names.filter((each) => WITHOUT_NAMES.includes(each));
  if (nameless.length > 0) throw new Failure(`-t chooses tests by name, and ${nameless.join(", ")} has none`);
  if (name !== undefined && names.length === 0) throw new Failure('-t needs a step: npm test -- node -t "part of a name"');
  return { names: names.length > 0 ? names : Object.keys(steps), name };
}

await main(async () => {
  const { names, name } = parse(process.argv.slice(2));
  const results = [];
  try {
    for (const each of names) await timed(each, { name }, results);
  } finally {
    for (const { name: step, outcome, seconds } of results) console.log(`${outcome.padEnd(6)} ${step.padEnd(11)} ${seconds} s`);
  }
});

async function timed(name, options, results) {
  console.log(`\n== ${name}`);
  const start = Date.now();
  const result = { name, outcome: "failed" };
  results.push(result);
  try {
    await (steps[name] ?? long[name])(options);
    result.outcome = "ok";
  } finally {
    result.seconds = ((Date.now() - start) / 1000).toFixed(1);
    console.log(`-- ${name}: ${result.outcome}, ${result.seconds} s`);
  }
}
