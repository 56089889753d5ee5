// `npm run build:component`: the worlds of wit/ as components, in target/component/.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { compile } from "./build.mjs";
import { Failure, isMain, main, run, target } from "./command.mjs";
import { needNode, needRust } from "./install/toolchain.mjs";

/** The worlds, and the features of the crate that make it one of them. */
const WORLDS = {
  library: ["component-library"], gateway: ["component-gateway"],
  "library-async": ["component-library", "component-async"], "gateway-async": ["component-gateway", "component-async"],
};

/** Where the components are, by world. */
export const components = Object.fromEntries(Object.keys(WORLDS).map((world) => [world, join(target, `component/${world}.wasm`)]));

/** Builds all components, and prints what they import and how large they are. */
export async function buildComponents() {
  needNode();
  await needRust();
  mkdirSync(join(target, "component"), { recursive: true });
  for (const [world, path] of Object.entries(components)) {
    // Names of functions are for nobody; what tells the world stays.
    const module = await compile({ features: WORLDS[world], flags: ["-C", "strip=symbols"] });
    const told = await run("cargo", ["xtask", "component", module, path]);
    checkImports(world, told);
    const bytes = readFileSync(path);
    console.log(`${world}: ${kib(bytes.length)}, ${kib(gzipSync(bytes, { level: 9 }).length)} gzip`);
  }
}

// What a component asks of its host is a promise: nothing comes in with a dependency.
function checkImports(world, told) {
  const imports = /^imports (.*)$/m.exec(told)[1].split(", ").map((name) => name.replace(/@.*/, ""));
  const unknown = imports.filter((name) => !IMPORTS[world].includes(name));
  if (unknown.length > 0) throw new Failure(`the ${world} imports what wit/world.wit does not name: ${unknown.join(", ")}`);
}

const PLATFORM = [
  "wasi:clocks/monotonic-clock", "wasi:clocks/wall-clock", "wasi:http/outgoing-handler", "wasi:http/types",
  "wasi:io/error", "wasi:io/poll", "wasi:io/streams", "wasi:random/insecure",
];
const PLATFORM_ASYNC = ["wasi:clocks/monotonic-clock", "wasi:clocks/system-clock", "wasi:clocks/types", "wasi:http/client", "wasi:http/types", "wasi:random/insecure"];
const ENVIRONMENT = "wasi:cli/environment";
const IMPORTS = {
  library: PLATFORM, gateway: [...PLATFORM, ENVIRONMENT],
  "library-async": PLATFORM_ASYNC, "gateway-async": [...PLATFORM_ASYNC, ENVIRONMENT],
};

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

if (isMain(import.meta)) await main(buildComponents);
