// The second module of the core, with what few pages need. It is loaded when that is first called for, and shares the memory and the
// functions of the first: scripts/split.mjs.
import { compile } from "./compile.js";

let load = () => undefined;
let loading;
let functions;

/** Sets how the module is found. Each entry point of the package has its own way. */
export function setMoreLoader(loader) {
  load = loader;
}

/** What the first module calls in the second: nothing does before `more` has resolved. */
export const links = new Proxy({}, { get: (_, name) => (...args) => functions[name](...args) });

/** Gives the imports of the second module: those of the first, and what that exports. */
export let link;
const linked = new Promise((resolve) => (link = resolve));

/** Resolves when the second module is there. The first must have started, or be starting. After a failure the next call tries again. */
export function more() {
  loading ??= begin().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function begin() {
  const found = load();
  const module = await compile(found);
  const imports = await linked;
  // As in load.js, the edge waits for no promise.
  const { exports } = found instanceof WebAssembly.Module ? new WebAssembly.Instance(module, imports) : await WebAssembly.instantiate(module, imports);
  functions = exports;
}
