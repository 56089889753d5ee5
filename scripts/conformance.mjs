// `npm run conformance`: the list of tests/conformance in every place that can be had on this machine, and the matrix of what
// came of it; with `-- --cases` a line for each case. The package must be packed, and the components built, before:
// `npm test -- build pack component`.
import { rmSync } from "node:fs";
import { installBrowsers } from "./install/browsers.mjs";
import { isMain, main, run } from "./command.mjs";
import { nodeTests } from "./runner.mjs";
import { installRuntimes } from "./install/runtimes.mjs";

/** Runs it all. What cannot be had is skipped, and the matrix says so. */
export async function conformance({ name } = {}) {
  await installBrowsers();
  await installRuntimes();
  await run("cargo", ["build", "--locked", "--features", "native", "--example", "conformance"]);
  const { matrix, NOTES, reasons, wholeMatrix } = await import("../tests/conformance/matrix.mjs");
  rmSync(NOTES, { recursive: true, force: true });
  try {
    await nodeTests("tests/conformance", { name });
  } finally {
    if (process.argv.includes("--cases")) console.log(`\n${wholeMatrix()}`);
    console.log(`\n${matrix()}\n\n${reasons().join("\n")}`);
  }
}

if (isMain(import.meta)) await main(() => conformance());
