// The user's functions. What the wasm module holds is alive as long as the module is, and a function of the user's may refer to the file that
// it was given for. So the module gets functions that refer to the user's weakly. The file and its streams hold the user's functions.

// Some versions of workerd do not have it.
const Weak = globalThis.WeakRef ?? class { constructor(it) { this.deref = () => it; } };

const NAMES = ["fetch", "locate", "token", "filerToken", "onEvent", "onProgress"];

/** Replaces the functions of the settings. Returns the user's, which must be held as long as the file is in use. */
export function weaken(settings) {
  const functions = {};
  const weak = new Weak(functions);
  for (const name of NAMES) {
    if (settings[name] === undefined) continue;
    functions[name] = settings[name];
    settings[name] = name.startsWith("on") ? listener(weak, name) : caller(weak, name);
  }
  return functions;
}

const listener = (weak, name) => (argument) => notify(weak.deref()?.[name], argument, name);

const caller = (weak, name) => (...args) => {
  const call = weak.deref()?.[name];
  if (call === undefined) throw new TypeError("the file is not in use any more");
  return call(...args);
};

/** Calls a listener. What it throws, and what a promise of it is rejected with, is logged on the console and has no other effect. */
function notify(listener, argument, name) {
  const failed = (thrown) => console.error(`kelp-stream: ${name} threw`, thrown);
  try {
    const returned = listener?.(argument);
    // Not handled, a rejection would end a process of Node.
    if (typeof returned?.then === "function") Promise.resolve(returned).catch(failed);
  } catch (thrown) {
    failed(thrown);
  }
}
