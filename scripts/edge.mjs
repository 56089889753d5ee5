// Bundles the worker of gateway/ as wrangler does, with the installed package, and runs it in workerd.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure, root, target } from "./command.mjs";

const CONSUMER = join(target, "pack/consumer");
const GATEWAY = join(root, "gateway/src/index.ts");

/** The compatibility settings of wrangler.toml. */
export const COMPATIBILITY = { compatibilityDate: "2026-04-20", compatibilityFlags: ["enable_request_signal"] };

/** The modules of a worker, the main module first: `{ type, path, contents }`. */
export async function bundleWorker(entry = GATEWAY) {
  if (!existsSync(join(CONSUMER, "node_modules/kelp-stream"))) throw new Failure("the package is not installed: run npm test -- pack");
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
  const dist = join(CONSUMER, "node_modules/kelp-stream/dist");
  const wasm = readdirSync(dist).filter((name) => name.endsWith(".wasm"));
  return [
    { type: "ESModule", path: "gateway.mjs", contents: outputFiles[0].text },
    ...wasm.map((name) => ({ type: "CompiledWasm", path: name, contents: readFileSync(join(dist, name)) })),
  ];
}

// Resolves the package in the folder where it was installed. From here, its name would resolve to the repository itself.
const installedPackage = {
  name: "the installed package",
  setup(build) {
    build.onResolve({ filter: /^kelp-stream$/ }, ({ path, kind, pluginData }) =>
      pluginData === "installed" ? undefined : build.resolve(path, { resolveDir: CONSUMER, kind, pluginData: "installed" }));
  },
};

/** Starts a worker in miniflare on loopback. Resolves to its `origin`, and to `close`. `stdio` gets the streams of what it logs. */
export async function startWorker(modules, bindings, { port = 0, stdio = ignore } = {}) {
  const { Log, LogLevel, Miniflare } = await import("miniflare");
  // `cf: false`: otherwise it asks the network for its location.
  const options = { modules, bindings, ...COMPATIBILITY, cf: false, host: "127.0.0.1", port, log: new Log(LogLevel.NONE), handleRuntimeStdio: stdio };
  const worker = new Miniflare(options);
  const url = await worker.ready;
  return { origin: url.origin, worker, close: () => worker.dispose() };
}

/**
 * As {@link startWorker}, in workerd without miniflare, and so without a Cache API. With a `certificate`, `{ key, cert }`, it serves
 * https.
 */
export async function startBareWorker(modules, bindings, { certificate = null } = {}) {
  // A CommonJS module that has a default export itself.
  const { default: { default: workerd } } = await import("workerd");
  const folder = mkdtempSync(join(tmpdir(), "kelp-edge-"));
  for (const { path, contents } of modules) writeFileSync(join(folder, path), contents);
  for (const [name, text] of Object.entries(certificate ?? {})) writeFileSync(join(folder, `${name}.pem`), text);
  writeFileSync(join(folder, "config.capnp"), configuration(modules, bindings, certificate !== null));
  const args = ["serve", "--experimental", "--socket-addr=http=127.0.0.1:0", "--control-fd=3", join(folder, "config.capnp")];
  const child = spawn(workerd, args, { stdio: ["ignore", "ignore", "inherit", "pipe"] });
  const gone = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  // The caller may fail before it calls `close`.
  process.once("exit", kill);
  const close = async () => {
    kill();
    await gone;
    process.off("exit", kill);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    return { origin: `http${certificate ? "s" : ""}://127.0.0.1:${await portOf(child.stdio[3], gone)}`, pid: child.pid, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function portOf(control, gone) {
  let text = "";
  const port = new Promise((resolve) => control.on("data", (data) => {
    text += data;
    const listening = text.split("\n").find((line) => line.includes('"listen"') && line.endsWith("}"));
    if (listening) resolve(JSON.parse(listening).port);
  }));
  return Promise.race([port, gone.then(() => Promise.reject(new Failure("workerd ended before it listened")))]);
}

// Strings of JSON are valid strings of Cap'n Proto.
function configuration(modules, bindings, isSecure) {
  const kinds = { ESModule: "esModule", CompiledWasm: "wasm" };
  const module = ({ type, path }) => `(name = "${path}", ${kinds[type]} = embed "${path}")`;
  const keys = '(keypair = (privateKey = embed "key.pem", certificateChain = embed "cert.pem"))';
  const protocol = isSecure ? `https = (tlsOptions = ${keys})` : "http = ()";
  const binding = ([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ (name = "main", worker = .main), (name = "net", network = (allow = ["private", "local"])) ],
  sockets = [ (name = "http", ${protocol}, service = "main") ]
);
const main :Workerd.Worker = (
  modules = [ ${modules.map(module).join(", ")} ],
  bindings = [ ${Object.entries(bindings).map(binding).join(", ")} ],
  globalOutbound = "net",
  compatibilityDate = "${COMPATIBILITY.compatibilityDate}",
  compatibilityFlags = ${JSON.stringify(COMPATIBILITY.compatibilityFlags)}
);
`;
}

function ignore(...streams) {
  for (const stream of streams) stream.resume();
}
