// Hosts of components for the tests: jco on this Node, wasmtime in Python, and the program wasmtime. They are not dependencies of the
// package (130 MB, and 190 for a Node 24): the step `component` installs them into target/. wasmtime takes 15 minutes to build, so it
// is used only if it is installed already.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { attempt, find, target } from "../command.mjs";
import { npmInstall } from "./npm.mjs";
import { installNode } from "./runtimes.mjs";

// Exact versions, since hosts differ between versions. jco-transpile is the part of jco that runs components.
const JCO = ["@bytecodealliance/jco-transpile@0.15.0", "@bytecodealliance/preview2-shim@0.26.1", "@bytecodealliance/preview3-shim@0.7.0"];
const WASMTIME = "wasmtime==50.0.1";
// The oldest version that was tested. It serves components of WASI 0.3 without a flag.
const WASMTIME_PROGRAM = 48;

// By default jco uses the shims of WASI 0.2.
const ASYNC_SHIMS = Object.fromEntries(["http", "clocks", "random", "cli"].map((name) => [`wasi:${name}/*`, `@bytecodealliance/preview3-shim/${name}#*`]));

const folder = join(target, "component");
const jcoFolder = join(folder, "jco");
const [shim, asyncShim] = [2, 3].map((preview) => join(jcoFolder, `node_modules/@bytecodealliance/preview${preview}-shim/dist/nodejs/http.js`));
const python = join(folder, "python/bin/python");
const installedNote = join(folder, "hosts.json");

/**
 * The result of `installHosts`: `jco: { library, gateway, library-async, gateway-async, http, http-async }`, `wasmtime: { python }`,
 * `node24: { program }`, `serve: { program }`, or `{ skip }` with the reason in place of each.
 */
export const hosts = () =>
  existsSync(installedNote) ? JSON.parse(readFileSync(installedNote, "utf8")) : { jco: NOT_INSTALLED, wasmtime: NOT_INSTALLED, node24: NOT_INSTALLED, serve: NOT_INSTALLED };

const NOT_INSTALLED = { skip: "not installed: npm test -- component" };

/**
 * Installs the hosts, and prints which could not be installed and why.
 * @param {Record<string, string>} components the paths of the components by world, which jco transpiles
 */
export async function installHosts(components) {
  mkdirSync(jcoFolder, { recursive: true });
  // WASI 0.3 needs JSPI, which Node 20 does not have.
  const found = { jco: await installJco(components), wasmtime: installWasmtime(), node24: installNode(), serve: findServer() };
  writeFileSync(installedNote, JSON.stringify(found));
  for (const [name, { skip }] of Object.entries(found)) console.log(`${name}: ${skip ? `SKIPPED, ${skip}` : "installed"}`);
}

async function installJco(components) {
  const fault = npmInstall(jcoFolder, ...JCO);
  if (fault) return { skip: fault };
  const { transpile, writeFiles } = await import(pathToFileURL(join(jcoFolder, "node_modules/@bytecodealliance/jco-transpile/dist/index.js")));
  const modules = {};
  for (const [name, path] of Object.entries(components)) {
    const map = name.endsWith("-async") ? ASYNC_SHIMS : undefined;
    const { files } = await transpile(path, { outDir: jcoFolder, name, map });
    await writeFiles(files);
    modules[name] = join(jcoFolder, `${name}.js`);
  }
  return { ...modules, http: shim, "http-async": asyncShim };
}

function installWasmtime() {
  if (hasWasmtime()) return { python };
  const python3 = find("python3");
  if (!python3) return { skip: "python3 is not on PATH" };
  rmSync(join(folder, "python"), { recursive: true, force: true });
  const fault = attempt(python3, ["-m", "venv", join(folder, "python")], folder) ?? attempt(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", WASMTIME], folder);
  return fault ? { skip: `pip cannot install ${WASMTIME}: ${fault}` } : { python };
}

function findServer() {
  const program = process.env.WASMTIME ?? find("wasmtime");
  if (!program) return { skip: "wasmtime is neither on PATH nor in WASMTIME (cargo install wasmtime-cli --locked)" };
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  const major = Number(/^wasmtime (\d+)/.exec(stdout)?.[1] ?? 0);
  return major < WASMTIME_PROGRAM ? { skip: `${program} is not wasmtime ${WASMTIME_PROGRAM} or newer` } : { program };
}

function hasWasmtime() {
  const asked = spawnSync(python, ["-c", "import importlib.metadata; print(importlib.metadata.version('wasmtime'))"], { encoding: "utf8" });
  return asked.status === 0 && `wasmtime==${asked.stdout.trim()}` === WASMTIME;
}
