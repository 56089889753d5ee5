// The package in Node, Deno and Bun: a program that gets tasks as lines of JSON.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runtimes } from "../../scripts/install/runtimes.mjs";
import { consumer } from "../package/support.mjs";
import { testPlace } from "./place.mjs";
import { startLines } from "./lines.mjs";

const { node, node24, deno, bun } = runtimes();
const program = fileURLToPath(new URL("program.mjs", import.meta.url));
// In the folder where the package is installed, so that each runtime resolves its name by its own rules.
const packageFile = join(consumer, "installed-package.mjs");
writeFileSync(packageFile, 'export * from "kelp-stream";\n');

const place = (name, { skip = false, program: runtime }, ...args) => ({ name, skip, start: () => startLines([runtime, ...args, program, packageFile], { cwd: consumer }) });

testPlace(place("Node 20", node));
testPlace(place("Node 24", node24));
testPlace(place("Deno", deno, "run", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read", "--no-lock"));
testPlace(place("Bun", bun));
