// `npm run conformance`: runs the list of tests/conformance in every place that this machine has, and prints the matrix of results.
// `-- --cases` prints a line per case. The package must be packed, and the components built before: `npm test -- build pack component`.
import { rmSync } from "node:fs";
import { installBrowsers } from "./install/browsers.mjs";
import { isMain, main, run } from "./command.mjs";
import { nodeTests } from "./runner.mjs";
import { installRuntimes } from "./install/runtimes.mjs";

/** Runs all places. A place that is not available is skipped, and the matrix shows that. */
export async function conformance({ name } = {}) {
  await installBrowsers();
  await installRuntimes();
  await run("cargo", ["build", "--locked", "--features", "native", "--example", "conformance"]);
  const { matrix, RESULTS, reasons, wholeMatrix } = await import("../tests/conformance/matrix.mjs");
  rmSync(RESULTS, { recursive: true, force: true });
  try {
    await nodeTests("tests/conformance", { name });
  } finally {
    if (process.argv.includes("--cases")) console.log(`\n${wholeMatrix()}`);
    console.log(`\n${matrix()}\n\n${reasons().join("\n")}`);
  }
}

if (isMain(import.meta)) await main(() => conformance());
