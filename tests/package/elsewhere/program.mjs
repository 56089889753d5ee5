// A program that runs behaviours: it is copied into the consumer's folder, where a runtime finds the package by its name.
import * as kelp from "kelp-stream";

const [server, folder] = process.argv.slice(2);
const { run } = await import(`${folder}behaviours/index.mjs`);
const { runErrands } = await import(`${folder}elsewhere/client.js`);
process.exit((await runErrands(server, kelp, run)) ? 1 : 0);
