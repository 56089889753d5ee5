// `npm run build:component`: builds the worlds of wit/ as components into target/component/.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { SIMD, compile } from "./build.mjs";
import { Failure, isMain, main, run, target } from "./command.mjs";
import { needNode, needRust } from "./install/toolchain.mjs";

/** The worlds, and the features of the crate that select each. */
const WORLDS = {
  library: ["component-library"], gateway: ["component-gateway"],
  "library-async": ["component-library", "component-async"], "gateway-async": ["component-gateway", "component-async"],
};

/** The paths of the components, by world. */
export const components = Object.fromEntries(Object.keys(WORLDS).map((world) => [world, join(target, `component/${world}.wasm`)]));

/** Builds all components, and prints their imports and sizes. */
export async function buildComponents() {
  needNode();
  await needRust();
  mkdirSync(join(target, "component"), { recursive: true });
  for (const [world, path] of Object.entries(components)) {
    // Removes names of functions. The sections that describe the world stay.
    const module = await compile({ features: WORLDS[world], flags: ["-C", "strip=symbols"], rustflags: SIMD });
    const printed = await run("cargo", ["xtask", "component", module, path]);
    checkImports(world, printed);
    const bytes = readFileSync(path);
    console.log(`${world}: ${kib(bytes.length)}, ${kib(gzipSync(bytes, { level: 9 }).length)} gzip`);
  }
}

// The imports of a component are part of its interface: a dependency must not add one.
function checkImports(world, printed) {
  const imports = /^imports (.*)$/m.exec(printed)[1].split(", ").map((name) => name.replace(/@.*/, ""));
  const unknown = imports.filter((name) => !IMPORTS[world].includes(name));
  if (unknown.length > 0) throw new Failure(`the component ${world} has imports that wit/world.wit does not have: ${unknown.join(", ")}`);
}

const PLATFORM = [
  "wasi:clocks/monotonic-clock", "wasi:clocks/wall-clock", "wasi:http/outgoing-handler", "wasi:http/types",
  "wasi:io/error", "wasi:io/poll", "wasi:io/streams", "wasi:random/insecure",
];
const PLATFORM_ASYNC = ["wasi:clocks/monotonic-clock", "wasi:clocks/system-clock", "wasi:clocks/types", "wasi:http/client", "wasi:http/types", "wasi:random/insecure"];
const CLI = ["wasi:cli/environment", "wasi:cli/stderr"];
const IMPORTS = {
  library: PLATFORM, gateway: [...PLATFORM, ...CLI],
  "library-async": PLATFORM_ASYNC, "gateway-async": [...PLATFORM_ASYNC, ...CLI, "wasi:cli/types"],
};

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

if (isMain(import.meta)) await main(buildComponents);
