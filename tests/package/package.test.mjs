// The contents of the package.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { transform } from "esbuild";
import { manifest, root } from "../../scripts/command.mjs";
import { installed } from "./support.mjs";

const FILES = [
  "CHANGELOG.md",
  "LICENSE-APACHE",
  "LICENSE-MIT",
  "README.md",
  "dist/index.d.ts",
  "dist/index.js",
  "dist/index.js.map",
  "dist/inline.js",
  "dist/inline.js.map",
  "dist/kelp-stream.js",
  "dist/kelp-stream.js.map",
  "dist/kelp_stream_bg.wasm",
  "dist/kelp_stream_codec.wasm",
  "dist/kelp_stream_more.wasm",
  "dist/node-worker.js",
  "dist/node-worker.js.map",
  "dist/node.js",
  "dist/node.js.map",
  "dist/save-worker.js",
  "dist/save-worker.js.map",
  "dist/save.d.ts",
  "dist/save.js",
  "dist/save.js.map",
  "dist/service-worker.classic.js",
  "dist/service-worker.classic.js.map",
  "dist/service-worker.d.ts",
  "dist/service-worker.js",
  "dist/service-worker.js.map",
  "dist/worker.js",
  "dist/worker.js.map",
  "dist/workerd.js",
  "dist/workerd.js.map",
  "package.json",
];

const files = readdirSync(installed, { recursive: true }).filter((name) => statSync(join(installed, name)).isFile());
const read = (name) => readFileSync(join(installed, name));

test("the package has these files and no others", () => {
  assert.deepEqual(files.sort(), FILES);
});

test("it has no install script and no dependency", () => {
  const { dependencies, scripts } = JSON.parse(read("package.json"));
  assert.equal(dependencies, undefined);
  assert.deepEqual(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name)), []);
});

test("every exported file exists", () => {
  const paths = (value) => (typeof value === "string" ? [value] : Object.values(value).flatMap(paths));
  for (const path of paths(manifest.exports)) assert.ok(files.includes(path.replace("./", "")), path);
});

test("its version is the version of the crate", () => {
  const [, version] = /^version = "(.+)"/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"));
  assert.equal(manifest.version, version);
});

test("no file contains a path of the build machine", () => {
  // Only paths below the home folder: "/root" alone may occur in other text.
  const folders = [root, `${homedir()}/`, process.env.CARGO_HOME].filter(Boolean);
  for (const name of files) {
    for (const folder of folders) assert.ok(!read(name).includes(folder), `${name} names ${folder}`);
  }
});

test("source maps have relative paths and contain the sources", () => {
  for (const name of files.filter((name) => name.endsWith(".map"))) {
    const { sources, sourcesContent, sourceRoot } = JSON.parse(read(name));
    assert.equal(sourceRoot ?? "", "");
    assert.equal(sourcesContent.length, sources.length);
    for (const source of sources) assert.doesNotMatch(source, /^(\/|\w+:)/, name);
  }
});

test("its scripts do not use eval", () => {
  for (const name of files.filter((name) => name.endsWith(".js"))) {
    assert.doesNotMatch(read(name).toString(), /\beval\(|\bnew Function\b|\bFunction\(/, name);
  }
});

// Service workers have neither. esbuild refuses to make a function of a module that awaits.
test("no script awaits at its top level or imports while it runs", async () => {
  for (const name of ["dist/service-worker.js", "dist/service-worker.classic.js", "dist/kelp-stream.js", "dist/index.js", "dist/inline.js"]) {
    const { code } = await transform(read(name), { loader: "js", format: "iife" });
    assert.ok(!/\bimport\(/.test(code), name);
  }
});

test("its wasm has no names, debug information or producers", () => {
  const sections = WebAssembly.Module.customSections;
  for (const file of ["dist/kelp_stream_bg.wasm", "dist/kelp_stream_more.wasm", "dist/kelp_stream_codec.wasm"]) {
    const module = new WebAssembly.Module(read(file));
    for (const name of ["name", "producers", ".debug_info", ".debug_line"]) assert.deepEqual(sections(module, name), [], `${file}: ${name}`);
  }
});

test("its wasm has no texts of panics", () => {
  const text = read("dist/kelp_stream_bg.wasm").toString("latin1");
  for (const part of ["index out of bounds", "called `Option::unwrap()`", "RefCell already", "assertion `left", "capacity overflow"]) {
    assert.ok(!text.includes(part), part);
  }
});
