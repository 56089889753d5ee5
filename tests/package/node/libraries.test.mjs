// Libraries that read small pieces, on encrypted files: each chunk is fetched once.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { asyncBuffer, KelpReader } from "../adapters.mjs";
import { libraries, measure } from "../libraries.mjs";
import { importPackage } from "../support.mjs";

const kelp = await importPackage();

for (const name of Object.keys(libraries)) {
  // F186
  test(`${name} fetches each encrypted chunk once`, { timeout: 120_000 }, async (t) => {
    const { reads, touched, sent } = await measure(kelp, name);
    t.diagnostic(`${reads} reads, ${sent} bytes sent of ${touched} in the chunks touched`);
    assert.ok(reads > 10, `${reads} reads`);
    assert.ok(sent <= 1.1 * touched, `${sent} bytes of ${touched}`);
  });
}

test("docs/libraries.md shows the adapters that are tested", () => {
  const text = readFileSync(new URL("../../../docs/libraries.md", import.meta.url), "utf8");
  for (const code of [String(KelpReader), String(asyncBuffer)]) assert.ok(text.includes(code), code);
});
