// The package in runtimes that run a program: it is asked by lines of JSON, each answered by one.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runtimes } from "../../scripts/install/runtimes.mjs";
import { consumer } from "../package/support.mjs";
import { conform } from "./conform.mjs";
import { startLines } from "./lines.mjs";

const { node, node24, deno, bun } = runtimes();
const program = fileURLToPath(new URL("program.mjs", import.meta.url));
// In the folder of a user who has installed the package: each runtime finds it by its name, by its own rules.
const packageFile = join(consumer, "installed-package.mjs");
writeFileSync(packageFile, 'export * from "kelp-stream";\n');

const place = (name, { skip = false, program: runtime }, ...args) => ({ name, skip, start: () => startLines([runtime, ...args, program, packageFile], { cwd: consumer }) });

conform(place("Node 20", node));
conform(place("Node 24", node24));
conform(place("Deno", deno, "run", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read", "--no-lock"));
conform(place("Bun", bun));
