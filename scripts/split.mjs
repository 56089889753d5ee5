// Splits the module of a page in two: what each page needs, and what few need, which js/more.js loads before it is called.
//
// A gate is a function that nothing calls before the second module is there; `GATES` says who sees to that. What only gates lead to goes
// with them. The second module imports the memory, the table and the functions of the first; the first calls the second through imports
// that JavaScript connects later. So a call in either direction is one that wasm checks, and nothing else changes.
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, ask, root } from "./command.mjs";

/** The functions of `src/host/rare.rs`, which are not inlined. */
export const GATE = "kelp_stream::host::rare::";

/** The functions, by their names without generic arguments and hash. */
const GATES = [
  // js/open.js, for the function of the same name.
  /^open(Url|Entry|Manifest)\b/,
  /^kelp_stream::hosts::web::open::open_(url|entry)::/,
  /^core::ptr::drop_in_place<kelp_stream::hosts::web::open::open_(url|entry)::/,
  // js/file.js.
  /^corefile_respond\b/,
  // js/options.js, for what an option says; else the caller.
  new RegExp(`^${GATE}(call|poll)\\b`),
];

const tool = (name) => join(root, "node_modules/binaryen/bin", name);

function binaryen(name, ...args) {
  const printed = ask(process.execPath, [tool(name), ...args]);
  if (printed === null) throw new Failure(`${name} ${args.join(" ")} failed`);
  return printed;
}

/** Splits the module `wasm`, which must have names, into itself and the new module `more`. */
export function split(wasm, more, flags) {
  const text = `${wasm}.wat`;
  binaryen("wasm-dis", ...flags, wasm, "-o", text);
  const module = parse(readFileSync(text, "utf8"));
  const moved = behindGates(module);
  if (moved.size === 0) throw new Failure("no function is behind a gate, so names have changed");
  const [first, second] = modules(module, moved);
  for (const [path, lines] of [[wasm, first], [more, second]]) {
    writeFileSync(text, `(module\n${lines.join("\n")}\n)\n`);
    binaryen("wasm-as", ...flags, "-g", text, "-o", path);
  }
  rmSync(text);
}

/** The parts of a module in the format of wasm-dis, which begins each at a line of its own. */
function parse(text) {
  const items = text.slice(text.indexOf("\n") + 1, text.lastIndexOf(")")).split(/\n(?= \()/);
  const module = { types: [], imports: [], functions: new Map(), globals: [], data: [], exports: [] };
  for (const item of items) {
    const [, kind, name] = /^ \((\w+) (\$[^\s)]+)?/.exec(item) ?? [];
    if (kind === "type") module.types.push(item);
    else if (kind === "import") module.imports.push(item);
    else if (kind === "func") module.functions.set(name, item);
    else if (kind === "global") module.globals.push([name, item]);
    else if (kind === "memory" || kind === "table" && item.includes("funcref")) module[kind] = [name, item];
    else if (kind === "table") module.references = [name, item];
    else if (kind === "elem") module.elements = item;
    else if (kind === "data") module.data.push(item);
    else if (kind === "export") module.exports.push(item);
    else throw new Failure(`wasm-dis prints something else than expected: ${item.slice(0, 60)}`);
  }
  return module;
}

const named = (text) => [...text.matchAll(/\(call (\$[^\s)]+)/g)].map(([, name]) => name);
const listed = (elements) => elements.match(/\$[^\s)]+/g).slice(2);

const isGate = (name) => {
  const plain = name.slice(1).replaceAll(/\\([0-9a-f]{2})/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
  return GATES.some((gate) => gate.test(plain));
};

/** The functions that only gates lead to, and the gates. */
function behindGates({ functions, elements, exports }) {
  const waiting = [...listed(elements), ...exports.flatMap((item) => /\(func (\$[^\s)]+)/.exec(item)?.[1] ?? [])];
  const first = new Set();
  while (waiting.length > 0) {
    const name = waiting.pop();
    if (first.has(name) || isGate(name) || !functions.has(name)) continue;
    first.add(name);
    waiting.push(...named(functions.get(name)));
  }
  return new Set([...functions.keys()].filter((name) => !first.has(name)));
}

/** The lines of both modules. */
function modules({ types, imports, functions, globals, memory, table, references, elements, data, exports }, moved) {
  const code = [...functions].filter(([name]) => moved.has(name)).map(([, item]) => item);
  const used = new Set(code.flatMap(named));
  const stays = [...functions].filter(([name]) => !moved.has(name));
  const called = new Set([...stays.flatMap(([, item]) => named(item)), ...listed(elements), ...exports.flatMap((item) => item.match(/\$[^\s)]+/g))]);
  const signature = (item) => /^ \(func \$[^\s)]+((?: \((?:type|param|result)[^()]*\))*)/.exec(item)[1].replaceAll(/\(param \$[^\s)]+ /g, "(param ");
  const between = [...functions].filter(([name]) => moved.has(name) && called.has(name));
  const toFirst = between.map(([name, item], index) => ` (import "b" "${index}" (func ${name}${signature(item)}))`);
  const shared = stays.filter(([name]) => used.has(name));
  // Modules of two builds must not be linked: one of the names is a digest.
  const digest = createHash("sha256").update(code.join()).update(stays.join()).digest("hex").slice(0, 8);
  const number = (index) => `${index}`;
  const first = [
    ...types, ...imports, ...toFirst, ...globals.map(([, item]) => item), memory[1], ...data, table[1], references[1], elements, ...exports,
    ` (export "${digest}" (memory ${memory[0]}))`,
    ` (export "-t" (table ${table[0]}))`,
    ` (export "-r" (table ${references[0]}))`,
    ...globals.map(([name], index) => ` (export "-${index}" (global ${name}))`),
    ...shared.map(([name], index) => ` (export "${number(index)}" (func ${name}))`),
    ...stays.map(([, item]) => item),
  ];
  const from = (name, what) => ` (import "b" "${name}" (${what}))`;
  const second = [
    ...types,
    ...imports.filter((item) => used.has(/\(func (\$[^\s)]+)/.exec(item)[1])),
    ...shared.map(([name, item], index) => from(number(index), `func ${name}${signature(item)}`)),
    from(digest, memory[1].trim().slice(1, -1)),
    from("-t", table[1].trim().slice(1, -1)),
    from("-r", references[1].trim().slice(1, -1)),
    ...globals.map(([name, item], index) => from(`-${index}`, `global ${name} ${/\(mut \w+\)|\w+(?= \()/.exec(item.replace(name, ""))[0]}`)),
    ...between.map(([name], index) => ` (export "${index}" (func ${name}))`),
    ...code,
  ];
  return [first, second];
}
