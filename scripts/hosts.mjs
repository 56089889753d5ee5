// Hosts of components that nobody here wrote, for the tests: jco on this Node, and wasmtime in Python. They are no
// dependencies of anybody's (100 and 30 MB): the step that needs them installs them into target/component/.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { components } from "./component.mjs";
import { find, target } from "./command.mjs";

// Exact: a host of another version is another host. jco-transpile is what jco is for running components.
const JCO = ["@bytecodealliance/jco-transpile@0.15.0", "@bytecodealliance/preview2-shim@0.26.1"];
const WASMTIME = "wasmtime==50.0.1";

const folder = join(target, "component");
const jcoFolder = join(folder, "jco");
const shim = join(jcoFolder, "node_modules/@bytecodealliance/preview2-shim/dist/nodejs/http.js");
const python = join(folder, "python/bin/python");
const installedNote = join(folder, "hosts.json");

/** What `installHosts` came to: `{ jco: { skip } | { library, gateway, http }, wasmtime: { skip } | { python } }`. */
export const hosts = () => (existsSync(installedNote) ? JSON.parse(readFileSync(installedNote, "utf8")) : { jco: NOT_YET, wasmtime: NOT_YET });

const NOT_YET = { skip: "not installed: npm test -- component" };

/** Installs what can be installed, and prints what cannot and why. */
export async function installHosts() {
  mkdirSync(jcoFolder, { recursive: true });
  const found = { jco: await installJco(), wasmtime: installWasmtime() };
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
    const { files } = await transpile(path, { outDir: jcoFolder, name });
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

// What went wrong, in a line; nothing if nothing did. Two minutes each: a registry that hangs is one that is not there.
function attempt(program, args, cwd) {
  const { status, error, stderr } = spawnSync(program, args, { cwd, encoding: "utf8", timeout: 120_000 });
  if (status === 0) return undefined;
  return error?.message ?? stderr.trim().split("\n").at(-1);
}
