// `npm run build`: builds dist/ from the Rust core and the JavaScript of js/.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { shrink } from "./bridge.mjs";
import { ask, isMain, main, manifest, root, run, target } from "./command.mjs";
import { report } from "./size.mjs";
import { needModules, needNode, needRust } from "./install/toolchain.mjs";

const WASM = "wasm32-unknown-unknown";
const BRIDGE = join(target, "bindgen");
const JAVASCRIPT = join(root, "js");
const DIST = join(root, "dist");
const CORE = "kelp_stream_bg.wasm";
const MORE = "kelp_stream_more.wasm";
const CODEC = "kelp_stream_codec.wasm";
const TYPES = ["index.d.ts", "service-worker.d.ts", "save.d.ts"];

/** Builds everything that the package contains into dist/. */
export async function build() {
  needNode();
  await needRust();
  await needModules();
  await bridge(await compile({ rustflags: [...SIMD, ...PACKAGE, ...(await withoutPanics())] }));
  await buildCodec();
  const scripts = await bundle();
  for (const module of [CORE, MORE]) copyFileSync(join(BRIDGE, module), join(DIST, module));
  for (const types of TYPES) copyFileSync(join(JAVASCRIPT, types), join(DIST, types));
  removeAllBut([...scripts, CORE, MORE, CODEC, ...TYPES]);
  report();
}

// SHA-256 hashes 22 bytes per chunk of an encrypted S3 object: the unrolled code would take 8 KB.
const SMALL = ["--cfg", 'sha2_backend_soft="compact"'];

// The ciphers need it to be fast. Every browser since Safari 16.4 has it; js/load.js refuses older ones.
export const SIMD = ["-C", "target-feature=+simd128"];

// A Rust program that uses the crate in wasm has an allocator of its own.
const PACKAGE = ["--cfg", "kelp_package"];

/** Flags for a linker that leaves out the code that only panics: xtask/src/linker.rs. */
async function withoutPanics() {
  await run("cargo", ["build", "--quiet", "--profile", "xtask", "--package", "xtask"]);
  return ["-C", `linker=${join(target, "xtask/xtask")}`];
}

/**
 * Compiles the crate to wasm for release. Resolves to the path of the module, which the next call overwrites.
 * Only a cdylib: with a second crate type, cargo does not do fat LTO, without a warning.
 */
export async function compile({ features = [], flags = [], rustflags = [] } = {}) {
  const options = ["--profile", "wasm", "--target", WASM, "--lib", "--crate-type", "cdylib", "--features", features.join(), "--", ...flags];
  await run("cargo", ["fetch", "--quiet", "--target", WASM]);
  await run("cargo", ["rustc", ...options], { env: { CARGO_ENCODED_RUSTFLAGS: [...withoutPaths(), ...SMALL, ...rustflags].join("\x1f") } });
  return join(target, WASM, "wasm/kelp_stream.wasm");
}

/** Builds the codec module alone into dist/, where tests of the crate in a browser load it from. */
export async function buildCodec() {
  const codec = await compileCodec();
  mkdirSync(DIST, { recursive: true });
  copyFileSync(codec, join(DIST, CODEC));
}

/** Compiles the codec module to wasm for release. Resolves to its path, which the next call overwrites. */
export async function compileCodec() {
  const options = ["--package", "kelp-stream-codec-module", "--profile", "wasm", "--target", WASM, "--lib"];
  // It exports plain functions, so it needs no bridge, which would remove names and sections.
  const rustflags = [...withoutPaths(), ...SIMD, "-C", "strip=symbols"];
  await run("cargo", ["build", ...options], { env: { CARGO_ENCODED_RUSTFLAGS: rustflags.join("\x1f") } });
  return join(target, WASM, "wasm/kelp_stream_codec_module.wasm");
}

// Panic messages contain paths of source files. Without the prefixes of this machine, the same sources give the same wasm everywhere.
function withoutPaths() {
  const sources = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry/src");
  const registries = existsSync(sources) ? readdirSync(sources) : [];
  const sysroot = ask("rustc", ["--print", "sysroot"]);
  const renamed = [[root, "kelp-stream"], [join(sysroot, "lib/rustlib/src/rust"), "rust"], ...registries.map((name) => [join(sources, name), "crates"])];
  return renamed.map(([from, to]) => `--remap-path-prefix=${from.replace(/\/$/, "")}=${to}`);
}

async function bridge(wasm) {
  rmSync(BRIDGE, { recursive: true, force: true });
  await run("cargo", ["xtask", "bindgen", wasm, BRIDGE]);
  shrink(join(BRIDGE, CORE), join(BRIDGE, MORE), join(BRIDGE, "kelp_stream.js"));
}

// Three entry points that differ in how they find the wasm, and one file that they share. All others share nothing: a worker starts with
// one request, and bundlers need no setting to bundle it.
async function bundle() {
  const script = (path) => join(JAVASCRIPT, path);
  const entries = { index: script("entry/default.js"), node: script("entry/node.js"), workerd: script("entry/workerd.js") };
  const alone = { worker: script("worker.js"), "node-worker": script("node-worker.js"), "service-worker": script("entry/service-worker.js"), save: script("entry/save.js"), "save-worker": script("save/part-worker.js") };
  mkdirSync(DIST, { recursive: true });
  return [
    ...(await bundleInto(entries, { splitting: true })),
    ...(await bundleInto(alone)),
    ...(await bundleInto({ inline: script("entry/inline.js") }, { plugins: [filesInside] })),
    // `sideEffects` in package.json is about dist/: esbuild would leave out that entry/inline.js sets the loaders.
    ...(await bundleInto({ "service-worker.classic": script("entry/service-worker.classic.js") }, { plugins: [filesInside], format: "iife", globalName: "kelpStream", ignoreAnnotations: true })),
  ];
}

async function bundleInto(entryPoints, { plugins = [], ...options } = {}) {
  const esbuild = await import("esbuild");
  const { metafile } = await esbuild.build({
    entryPoints,
    absWorkingDir: root,
    outdir: DIST,
    bundle: true,
    chunkNames: manifest.name,
    format: "esm",
    target: "es2022",
    minify: process.env.KELP_NAMES === undefined,
    sourcemap: true,
    metafile: true,
    external: ["node:*", "*.wasm"],
    alias: { "#glue": join(BRIDGE, "kelp_stream.js") },
    // The glue has one key per extern block, all for the same module.
    logOverride: { "duplicate-object-key": "silent" },
    logLevel: "warning",
    ...options,
    plugins: [...plugins, oneCopyOfSnippets],
  });
  return Object.keys(metafile.outputs).map((path) => path.replace(/^dist\//, ""));
}

// The wasm modules as base64, and the program of the workers as text, which was bundled before.
const filesInside = {
  name: "files inside",
  setup(build) {
    const files = {
      "#core.wasm": [join(BRIDGE, CORE), "base64"],
      "#more.wasm": [join(BRIDGE, MORE), "base64"],
      "#codec.wasm": [join(DIST, CODEC), "base64"],
      "#worker": [join(DIST, "worker.js"), "text"],
    };
    build.onResolve({ filter: /^#(core\.wasm|more\.wasm|codec\.wasm|worker)$/ }, ({ path: name }) => {
      const [path, loader] = files[name];
      return { path, pluginData: { loader } };
    });
    build.onLoad({ filter: /\.(wasm|js)$/ }, ({ path, pluginData }) => pluginData?.loader && { contents: readFileSync(path), loader: pluginData.loader });
  },
};

// wasm-bindgen copies the files that Rust imports next to its glue. A second copy of a class would be another class, so imports of
// the glue are resolved to the files in js/.
const oneCopyOfSnippets = {
  name: "one copy of snippets",
  setup(build) {
    build.onResolve({ filter: /^\.\/snippets\/kelp-stream-[^/]+\/js\// }, ({ path }) => ({
      path: join(root, path.replace(/^\.\/snippets\/[^/]+\//, "")),
    }));
  },
};

// Removes files of an older build. Files of this build were overwritten, so that a running server always finds them.
function removeAllBut(names) {
  for (const name of readdirSync(DIST)) if (!names.includes(name)) rmSync(join(DIST, name), { recursive: true });
}

if (isMain(import.meta)) await main(build);
