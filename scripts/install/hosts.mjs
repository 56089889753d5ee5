// Hosts of components that nobody here wrote, for the tests: jco on this Node, wasmtime in Python, and wasmtime's own
// program. They are no dependencies of anybody's (130 MB, and a Node 24 of 190): the step that needs them installs them
// below target/. The program takes a quarter of an hour to build, and is used where somebody has it.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { components } from "../component.mjs";
import { attempt, find, target } from "../command.mjs";
import { npmInstall } from "./npm.mjs";
import { installNode } from "./runtimes.mjs";

// Exact: a host of another version is another host. jco-transpile is what jco is for running components.
const JCO = ["@bytecodealliance/jco-transpile@0.15.0", "@bytecodealliance/preview2-shim@0.26.1", "@bytecodealliance/preview3-shim@0.7.0"];
const WASMTIME = "wasmtime==50.0.1";
// The oldest that these tests have been run with; it serves components of WASI 0.3 without being told to.
const WASMTIME_PROGRAM = 48;

// By itself jco takes the shims of 0.2.
const ASYNC_SHIMS = Object.fromEntries(["http", "clocks", "random", "cli"].map((name) => [`wasi:${name}/*`, `@bytecodealliance/preview3-shim/${name}#*`]));

const folder = join(target, "component");
const jcoFolder = join(folder, "jco");
const [shim, asyncShim] = [2, 3].map((preview) => join(jcoFolder, `node_modules/@bytecodealliance/preview${preview}-shim/dist/nodejs/http.js`));
const python = join(folder, "python/bin/python");
const installedNote = join(folder, "hosts.json");

/**
 * What `installHosts` came to: `{ skip }` why not, or `jco: { library, gateway, library-async, gateway-async, http, http-async }`,
 * `wasmtime: { python }`, `node24: { program }`, `serve: { program }`.
 */
export const hosts = () =>
  existsSync(installedNote) ? JSON.parse(readFileSync(installedNote, "utf8")) : { jco: NOT_YET, wasmtime: NOT_YET, node24: NOT_YET, serve: NOT_YET };

const NOT_YET = { skip: "not installed: npm test -- component" };

/** Installs what can be installed, and prints what cannot and why. */
export async function installHosts() {
  mkdirSync(jcoFolder, { recursive: true });
  // WASI 0.3 needs JSPI, which Node 20 has not.
  const found = { jco: await installJco(), wasmtime: installWasmtime(), node24: installNode(), serve: findServer() };
  writeFileSync(installedNote, JSON.stringify(found));
  for (const [name, { skip }] of Object.entries(found)) console.log(`${name}: ${skip ? `SKIPPED, ${skip}` : "installed"}`);
}

async function installJco() {
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
  if (!python3) return { skip: "there is no python3" };
  rmSync(join(folder, "python"), { recursive: true, force: true });
  const fault = attempt(python3, ["-m", "venv", join(folder, "python")], folder) ?? attempt(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", WASMTIME], folder);
  return fault ? { skip: `pip cannot install ${WASMTIME}: ${fault}` } : { python };
}

function findServer() {
  const program = process.env.WASMTIME ?? find("wasmtime");
  if (!program) return { skip: "there is no wasmtime on PATH, nor in WASMTIME (cargo install wasmtime-cli --locked)" };
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  const major = Number(/^wasmtime (\d+)/.exec(stdout)?.[1] ?? 0);
  return major < WASMTIME_PROGRAM ? { skip: `${program} is not wasmtime ${WASMTIME_PROGRAM} or newer` } : { program };
}

function hasWasmtime() {
  const asked = spawnSync(python, ["-c", "import importlib.metadata; print(importlib.metadata.version('wasmtime'))"], { encoding: "utf8" });
  return asked.status === 0 && `wasmtime==${asked.stdout.trim()}` === WASMTIME;
}
