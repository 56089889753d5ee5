// Starts the wasm module: once, when it is first needed.
import start, { initSync } from "#glue";

let loader = () => undefined;
let started;

/** Says where the module comes from where the user does not: each entry of the package has its own way. */
export function setLoader(load) {
  loader = load;
}

/**
 * Starts the module from a URL, a Response, bytes or a compiled WebAssembly.Module (or a promise of one),
 * before it is needed. Once it has started, or is about to, this waits for that and `input` is ignored.
 */
export function init(input) {
  started ??= begin(input).catch((error) => {
    // The next call tries again: a network may be back by then.
    started = undefined;
    throw error;
  });
  return started;
}

/** Resolves when the module has started; starts it from the default place if nothing else did. */
export function ready() {
  return init();
}

async function begin(input) {
  const module = input ?? loader();
  // Without a wait: an edge worker must not depend on a promise of the request that happened to be first.
  if (module instanceof WebAssembly.Module) initSync({ module });
  else await start({ module_or_path: module });
}
