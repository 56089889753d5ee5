// Performs tasks, one per line of JSON, with the package file that is its argument. Runs in Node, Deno and Bun.
import { createInterface } from "node:readline";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { perform } from "./perform.js";

const kelp = await import(pathToFileURL(process.argv[2]).href);

for await (const line of createInterface({ input: process.stdin })) {
  const { id, task } = JSON.parse(line);
  console.log(JSON.stringify({ id, report: await perform(kelp, task) }));
}
process.exit();
