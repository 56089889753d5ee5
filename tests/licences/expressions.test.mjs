// SPDX expressions of licences.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isAllowed } from "../../scripts/licences.mjs";

const allowed = new Set(["MIT", "Apache-2.0", "Unicode-3.0", "GPL-2.0 WITH Classpath-exception-2.0"]);

test("an expression with an allowed choice is allowed", () => {
  for (const expression of [
    "MIT", "MIT OR GPL-3.0", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(MIT OR GPL-3.0) AND Unicode-3.0", "GPL-3.0 OR MIT AND Apache-2.0",
    "Apache-2.0 WITH LLVM-exception OR Apache-2.0", "GPL-2.0 WITH Classpath-exception-2.0", "((MIT))",
  ]) assert.ok(isAllowed(expression, allowed), expression);
});

test("one without an allowed choice, or malformed, is not", () => {
  for (const expression of [
    "GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 AND MIT", "GPL-3.0 OR MIT AND GPL-2.0", "(MIT OR Apache-2.0) AND GPL-3.0", "MIT WITH an-exception",
    "GPL-2.0", "MIT GPL-3.0", "MIT OR Apache-2.0)", "(MIT", "MIT AND", "", "SEE LICENSE", "mit",
  ]) assert.ok(!isAllowed(expression, allowed), expression);
});
