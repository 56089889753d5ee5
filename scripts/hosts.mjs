// Hosts of components that nobody here wrote, for the tests: jco on this Node, and wasmtime in Python. They are no
// dependencies of anybody's (130 MB, and a Node 24 of 190): the step that needs them installs them below target/.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { components } from "./component.mjs";
import { attempt, find, target } from "./command.mjs";
import { npmInstall } from "./npm.mjs";
import { installNode } from "./runtimes.mjs";

// Exact: a host of another version is another host. jco-transpile is what jco is for running components.
const JCO = ["@bytecodealliance/jco-transpile@0.15.0", "@bytecodealliance/preview2-shim@0.26.1", "@bytecodealliance/preview3-shim@0.7.0"];
const WASMTIME = "wasmtime==50.0.1";

// By itself jco takes the shims of 0.2.
const ASYNC_SHIMS = Object.fromEntries(["http", "clocks", "random"].map((name) => [`wasi:${name}/*`, `@bytecodealliance/preview3-shim/${name}#*`]));

const folder = join(target, "component");
const jcoFolder = join(folder, "jco");
const shim = join(jcoFolder, "node_modules/@bytecodealliance/preview2-shim/dist/nodejs/http.js");
const python = join(folder, "python/bin/python");
const installedNote = join(folder, "hosts.json");

/** What `installHosts` came to: `{ jco: { skip } | { library, gateway, library-async, http }, wasmtime: { skip } | { python }, node24: { skip } | { program } }`. */
export const hosts = () => (existsSync(installedNote) ? JSON.parse(readFileSync(installedNote, "utf8")) : { jco: NOT_YET, wasmtime: NOT_YET, node24: NOT_YET });

const NOT_YET = { skip: "not installed: npm test -- component" };

/** Installs what can be installed, and prints what cannot and why. */
export async function installHosts() {
  mkdirSync(jcoFolder, { recursive: true });
  // WASI 0.3 needs JSPI, which Node 20 has not.
  const found = { jco: await installJco(), wasmtime: installWasmtime(), node24: installNode() };
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
  return { ...modules, http: shim };
}

function installWasmtime() {
  if (hasWasmtime()) return { python };
  const python3 = find("python3");
  if (!python3) return { skip: "there is no python3" };
  rmSync(join(folder, "python"), { recursive: true, force: true });
  const fault = attempt(python3, ["-m", "venv", join(folder, "python")], folder) ?? attempt(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", WASMTIME], folder);
  return fault ? { skip: `pip cannot install ${WASMTIME}: ${fault}` } : { python };
}

function hasWasmtime() {
  const asked = spawnSync(python, ["-c", "import importlib.metadata; print(importlib.metadata.version('wasmtime'))"], { encoding: "utf8" });
  return asked.status === 0 && `wasmtime==${asked.stdout.trim()}` === WASMTIME;
}
