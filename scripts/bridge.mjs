// Makes what wasm-bindgen generates small: the published module, and the JavaScript between it and js/.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, ask, root } from "./command.mjs";
import { GATE, split } from "./split.mjs";

const WASM_OPT = join(root, "node_modules/binaryen/bin/wasm-opt");

// What the compiler may use, as in every browser that js/load.js accepts.
const FEATURES = ["simd", "bulk-memory", "sign-ext", "nontrapping-float-to-int", "mutable-globals", "reference-types", "multivalue"].map(
  (feature) => `--enable-${feature}`,
);

// What the published modules do not have. The split needs names.
const STRIPPED = process.env.KELP_NAMES === undefined ? ["--strip-debug", "--strip-producers", "--strip-target-features"] : ["--debuginfo"];

// One module "a" with names of one or two letters, instead of one module a JavaScript file, with names that end in a digest.
const NAMES = "--minify-imports-and-exports-and-modules";

/**
 * Optimises the module for size, and shortens the names of its imports and exports there and in the bridge. What few pages need goes into
 * the new module `more`.
 */
export function shrink(wasm, more, bridge) {
  optimise(wasm, "-Oz", "--converge");
  // Another round over flat code, which finds more that is the same.
  optimise(wasm, "--flatten", "--rereloop", "-Oz", "-Oz");
  // The second run prints the names. It would print them more than once if it converged.
  writeFileSync(bridge, rewrite(readFileSync(bridge, "utf8"), JSON.parse(optimise(wasm, NAMES))));
  split(wasm, more, FEATURES);
  for (const part of [wasm, more]) run(part, "--remove-unused-module-elements", ...STRIPPED);
}

/** Runs wasm-opt on a file. Returns what it prints. */
const optimise = (wasm, ...passes) => run(wasm, `--no-inline=${GATE}*`, ...passes, "--debuginfo");

function run(wasm, ...passes) {
  const printed = ask(process.execPath, [WASM_OPT, ...FEATURES, ...passes, wasm, "--output", wasm]);
  if (printed === null) throw new Failure(`wasm-opt ${passes.join(" ")} failed`);
  return printed;
}

/**
 * The bridge with the short names, and without what is not used: functions for imports that the module does not have, and three ways to
 * load the module, for which js/load.js has its own.
 */
export function rewrite(bridge, { imports, exports }) {
  const short = new Map(exports);
  return [withImports(imports), withoutDisposal, withoutLoading, withRegistry, withExports(short)].reduce((text, step) => step(text), bridge);
}

/** The object of imports. wasm-bindgen gives it a member for each function that it generates, and a module for each file of js/. */
const withImports = (imports) => (text) => {
  const [whole, generated] = cut(text, /^function __wbg_get_imports\(\) \{\n.*?__proto__: null,\n(.*?)^ {4}\};\n.*?^\}\n/ms);
  const members = new Map([...generated.matchAll(/^ {8}(\w+): (.*?^ {8}\}(?:, arguments\); \})?),\n/gms)].map(([, name, code]) => [name, arrow(code)]));
  const lines = imports.map(([module, name, short]) => {
    if (module === "./kelp_stream_bg.js") return `${short}: ${members.get(name) ?? missing(name)},`;
    return `${short}: import_${short},`;
  });
  const own = imports.filter(([module]) => module !== "./kelp_stream_bg.js");
  const clauses = own.map(([module, name, short]) => `import { ${name} as import_${short} } from "${module}";\n`);
  return (
    clauses.join("") +
    text
      .replace(whole, () => `function __wbg_get_imports() {\n    return { a: { __proto__: null,\n${lines.join("\n")}\n} };\n}\n`)
      .replace(/^import \* as import\d+ from ".*"\n/gm, "")
      .replace(/^function handleError\(.*?^\}\n/ms, CAUGHT)
  );
};

// The result of a function that throws is passed on by the module.
const CAUGHT = `const caught = (f) => (...args) => {
    try {
        return f(...args);
    } catch (e) {
        wasm.__wbindgen_exn_store(addToExternrefTable0(e));
    }
};
`;

/** A function of the bridge as an arrow function, which is shorter. None of them uses \`this\`. */
function arrow(code) {
  const caught = /^function\(\) \{ return handleError\(function \((.*?)\) (\{.*\}), arguments\); \}$/s.exec(code);
  if (caught) return `caught((${caught[1]}) => ${caught[2]})`;
  return code.replace(/^function\((.*?)\) \{/, "($1) => {");
}

/** Without `Symbol.dispose`: the package frees its objects itself, and nothing else has them. */
const withoutDisposal = (text) => text.replaceAll(/^if \(Symbol\.dispose\) .*\n/gm, "");

const withoutLoading = (text) => {
  const [end] = cut(text, /^async function __wbg_load\(.*/ms);
  return text.replace(end, () => "export { __wbg_get_imports, __wbg_finalize_init };\n");
};

/** Some versions of workerd have no FinalizationRegistry. */
const withRegistry = (text) =>
  text
    .replaceAll(/\(typeof FinalizationRegistry === 'undefined'\)\s*\? \{ register: \(\) => \{\}, unregister: \(\) => \{\} \}\s*: new FinalizationRegistry\(/g, "new Registry(")
    .replace(/^function |^const /m, (first) => `const Registry = globalThis.FinalizationRegistry ?? class { register() {} unregister() {} };\n${first}`);

const withExports = (short) => (text) => text.replace(/\bwasm\.(\w+)/g, (_, name) => `wasm.${short.get(name) ?? missing(name)}`);

function cut(text, pattern) {
  const found = pattern.exec(text);
  if (!found) throw new Failure(`wasm-bindgen generates something else than expected: ${pattern}`);
  return found;
}

function missing(name) {
  throw new Failure(`the module and its bridge do not fit: ${name}`);
}
