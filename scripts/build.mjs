// `npm run build`: the Rust core and the JavaScript in front of it become dist/.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ask, isMain, main, manifest, root, run, target } from "./command.mjs";
import { report } from "./size.mjs";
import { needModules, needNode, needRust } from "./install/toolchain.mjs";

const WASM = "wasm32-unknown-unknown";
const BRIDGE = join(target, "bindgen");
const FRONT = join(root, "js");
const DIST = join(root, "dist");

/** Builds everything that the package ships into dist/. */
export async function build() {
  needNode();
  await needRust();
  await needModules();
  await bridge(await compile());
  const scripts = await bundle();
  copyFileSync(join(BRIDGE, "kelp_stream_bg.wasm"), join(DIST, "kelp_stream_bg.wasm"));
  copyFileSync(join(FRONT, "index.d.ts"), join(DIST, "index.d.ts"));
  removeAllBut([...scripts, "kelp_stream_bg.wasm", "index.d.ts"]);
  report();
}

// SHA-256 is for 22 bytes of each chunk of an encrypted S3 object: unrolled, it would be 8 KB of code.
const SMALL = ["--cfg", 'sha2_backend_soft="compact"'];

/**
 * Compiles the crate to wasm, for release; resolves to where it is, until it is compiled with other features.
 * A pure cdylib: with a second crate type cargo silently leaves out fat LTO.
 */
export async function compile({ features = [], flags = [] } = {}) {
  const toBuild = ["--profile", "wasm", "--target", WASM, "--lib", "--crate-type", "cdylib", "--features", features.join(), "--", ...flags];
  await run("cargo", ["fetch", "--quiet", "--target", WASM]);
  await run("cargo", ["rustc", ...toBuild], { env: { CARGO_ENCODED_RUSTFLAGS: [...withoutPaths(), ...SMALL].join("\x1f") } });
  return join(target, WASM, "wasm/kelp_stream.wasm");
}

// Messages of panics name source files: where they lie on this machine is nobody's business, and
// the same sources are to give the same wasm everywhere.
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
}

// Three entries that differ in where the wasm comes from, and one file that all of them share.
async function bundle() {
  const esbuild = await import("esbuild");
  mkdirSync(DIST, { recursive: true });
  const { metafile } = await esbuild.build({
    entryPoints: { index: join(FRONT, "entry/default.js"), node: join(FRONT, "entry/node.js"), workerd: join(FRONT, "entry/workerd.js") },
    absWorkingDir: root,
    outdir: DIST,
    bundle: true,
    splitting: true,
    chunkNames: manifest.name,
    format: "esm",
    target: "es2022",
    minify: true,
    sourcemap: true,
    metafile: true,
    external: ["node:*", "*.wasm"],
    alias: { "#glue": join(BRIDGE, "kelp_stream.js") },
    plugins: [oneCopyOfSnippets],
    // The glue names a module once for each extern block that imports from it: always the same one.
    logOverride: { "duplicate-object-key": "silent" },
    logLevel: "warning",
  });
  return Object.keys(metafile.outputs).map((path) => path.replace(/^dist\//, ""));
}

// wasm-bindgen copies the files that Rust imports beside its glue; a second copy of a class would
// be another class, so the glue gets the one that the rest of the front imports.
const oneCopyOfSnippets = {
  name: "one copy of snippets",
  setup(build) {
    build.onResolve({ filter: /^\.\/snippets\/kelp-stream-[^/]+\/js\// }, ({ path }) => ({
      path: join(root, path.replace(/^\.\/snippets\/[^/]+\//, "")),
    }));
  },
};

// Files of an older build. Those of this one are overwritten, never absent: somebody may be reading them.
function removeAllBut(names) {
  for (const name of readdirSync(DIST)) if (!names.includes(name)) rmSync(join(DIST, name), { recursive: true });
}

if (isMain(import.meta)) await main(build);
