// Starts the wasm module once, when it is first needed.
import { __wbg_finalize_init as use, __wbg_get_imports as imports, takeNumberAtWork } from "#glue";
import { compile } from "./compile.js";
import { KelpError } from "./error.js";
import { link, links } from "./more.js";
import { guarded } from "./trap.js";

let loader = () => undefined;
let started;

/** Whether the module has started. */
export let isStarted = false;

/** Sets how the module is found by default. Each entry point of the package has its own way. */
export function setLoader(load) {
  loader = load;
}

/**
 * Starts the module before it is needed, from a URL, a Response, bytes or a compiled WebAssembly.Module (or a promise of one).
 * If it has started or is starting already, `input` is ignored.
 */
export function init(input) {
  started ??= begin(input).catch((error) => {
    // The next call tries again, since the network may be back then.
    started = undefined;
    throw error;
  });
  return started;
}

/** Resolves when the module has started. Starts it from the default place if it was not started yet. */
export function ready() {
  return init();
}

// The smallest module that needs SIMD: one type, (func (param v128)).
const SIMD = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 1, 123, 0);

/** Whether the module can start here. Asked before anything is requested: otherwise it would be, only to fail with a CompileError. */
export const isSupported = () => globalThis.WebAssembly?.validate(SIMD) === true;

async function begin(input) {
  if (!isSupported()) {
    throw new KelpError("unsupported", "WebAssembly SIMD is missing: Safari 16.4, Chrome 91, Firefox 89 have it");
  }
  const module = input ?? loader();
  const given = { ...imports(), b: links };
  // Synchronous: in an edge worker, other requests must not wait for a promise that belongs to the first one.
  const instance =
    module instanceof WebAssembly.Module
      ? new WebAssembly.Instance(module, given)
      : await WebAssembly.instantiate(await compile(module), given);
  link({ ...given, b: instance.exports });
  use({ exports: guarded(instance.exports, takeNumberAtWork) });
  isStarted = true;
}
