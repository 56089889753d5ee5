// The edge gateway of examples/, bundled as wrangler does it, with the installed package, and run in workerd.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, root, target } from "./command.mjs";

const CONSUMER = join(target, "pack/consumer");
const GATEWAY = join(root, "examples/edge-gateway/src/index.ts");

/** As in wrangler.toml. */
export const COMPATIBILITY = { compatibilityDate: "2026-04-20", compatibilityFlags: ["enable_request_signal"] };

/** A worker's modules, the first one being its main one: `{ type, path, contents }`. */
export async function bundleWorker(entry = GATEWAY) {
  if (!existsSync(join(CONSUMER, "node_modules/kelp-stream"))) throw new Failure("the package is not installed: npm test -- pack");
  const esbuild = await import("esbuild");
  const { outputFiles } = await esbuild.build({
    entryPoints: [entry],
    absWorkingDir: root,
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    conditions: ["workerd"],
    external: ["*.wasm"],
    plugins: [installedPackage],
    logLevel: "warning",
  });
  const wasm = readFileSync(join(CONSUMER, "node_modules/kelp-stream/dist/kelp_stream_bg.wasm"));
  return [
    { type: "ESModule", path: "gateway.mjs", contents: outputFiles[0].text },
    { type: "CompiledWasm", path: "kelp_stream_bg.wasm", contents: wasm },
  ];
}

// From the folder in which it was installed, as a user's project has it: here, its name is the repository's own.
const installedPackage = {
  name: "the installed package",
  setup(build) {
    build.onResolve({ filter: /^kelp-stream$/ }, ({ path, kind, pluginData }) =>
      pluginData === "installed" ? undefined : build.resolve(path, { resolveDir: CONSUMER, kind, pluginData: "installed" }));
  },
};

/** Starts a worker on loopback; resolves to its origin and to a function that ends it. */
export async function startWorker(modules, bindings, { port = 0 } = {}) {
  const { Log, LogLevel, Miniflare } = await import("miniflare");
  // `cf: false`: it would ask the network where it is.
  const options = { modules, bindings, ...COMPATIBILITY, cf: false, host: "127.0.0.1", port, log: new Log(LogLevel.NONE), handleRuntimeStdio: ignore };
  const worker = new Miniflare(options);
  const url = await worker.ready;
  return { origin: url.origin, worker, close: () => worker.dispose() };
}

function ignore(...streams) {
  for (const stream of streams) stream.resume();
}
