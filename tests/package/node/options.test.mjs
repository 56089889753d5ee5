// The names of options that the package knows are those of its types.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { importPackage, installed } from "../support.mjs";

const kelp = await importPackage();
const types = readFileSync(join(installed, "dist/index.d.ts"), "utf8");

/** The names of the fields of an interface, not those of nested ones. */
function fields(name) {
  const [, body] = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n(.*?)^\\}`, "ms").exec(types);
  return [...body.matchAll(/^ {2}(\w+)\??[(:]/gm)].map(([, field]) => field);
}

// F150
test("every option of the types is known", async (t) => {
  const said = t.mock.method(console, "warn", () => {});
  const openers = { Options: (options) => kelp.openManifest({ size: 0, chunks: [] }, options), FilerOptions: (options) => kelp.openFiler("http://127.0.0.1:1/", options), UrlOptions: (options) => kelp.openUrl("http://127.0.0.1:1/", options) };
  for (const [name, open] of Object.entries(openers)) {
    const names = fields(name);
    assert.ok(names.length > 3, `${names}`);
    // Names are looked at before values, of which none is a symbol.
    for (const each of names) await assert.rejects(open({ [each]: Symbol("wrong") }), TypeError, each);
  }
  assert.deepEqual(said.mock.calls.map(({ arguments: [text] }) => text), []);
});
