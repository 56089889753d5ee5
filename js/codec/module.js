// The codec module: the wasm that decrypts, inflates and digests. It is compiled when it is first needed, once for this thread and
// all workers.
import { compile } from "../compile.js";

let load = () => undefined;
/** The module where it comes compiled: at the edge, and in a worker. */
let given;
let compiling;
let instantiating;
let instance;
let hasTrapped = false;

/** Sets how the module is found: a URL, bytes, or a promise of bytes. Each entry point of the package has its own way. */
export function setCodecLoader(loader) {
  load = loader;
}

/** Gives the module where it comes compiled. */
export function giveCodec(module) {
  given = module;
}

/** The compiled module. After a failure the next call tries again. */
export function compiledCodec() {
  if (given) return Promise.resolve(given);
  compiling ??= compile(load()).catch((error) => {
    compiling = undefined;
    throw error;
  });
  return compiling;
}

/** An instance on this thread. After a failure the next call tries again. */
export function codec() {
  if (instance && !hasTrapped) return Promise.resolve(instance);
  // Synchronous: in an edge worker, other requests must not wait for a promise that belongs to the first one.
  if (given) return Promise.resolve(use(new WebAssembly.Instance(given)));
  instantiating ??= compiledCodec()
    .then((module) => WebAssembly.instantiate(module))
    .then(use)
    .finally(() => (instantiating = undefined));
  return instantiating;
}

/** The instance of this thread. `codec()` must have succeeded once, or the module was given. */
export function codecNow() {
  if (!instance && given) use(new WebAssembly.Instance(given));
  return instance;
}

/** Whether there is an instance on this thread. */
export function hasCodec() {
  return instance !== undefined && !hasTrapped;
}

/** The next call of `codec` makes another instance: what is in the memory of this one cannot be trusted. */
export function discard(trapped) {
  if (instance === trapped) hasTrapped = true;
}

function use({ exports }) {
  instance = new Codec(exports);
  hasTrapped = false;
  return instance;
}

/** The exports of the module, and its memory. */
export class Codec {
  #memory;
  #bytes = new Uint8Array(0);

  constructor(exports) {
    if (exports.abi() !== 1) throw new TypeError("the codec module is of another version of the package");
    Object.assign(this, exports);
    this.#memory = exports.memory;
  }

  /** The memory. Growth detaches the array, so it is taken anew for each access. */
  get bytes() {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#bytes = new Uint8Array(this.#memory.buffer);
    return this.#bytes;
  }

  /** Copies bytes into the memory for as long as `use` runs, and clears them: they are keys. */
  withSecret(secret, use) {
    const at = this.alloc(secret.length);
    if (at === 0) throw new RangeError("out of memory");
    this.bytes.set(secret, at);
    try {
      return use(at);
    } finally {
      this.bytes.fill(0, at, at + secret.length);
      this.free(at, secret.length);
    }
  }
}
