// The program that runs behaviours. It is copied into the folder of the consumer, where the runtime finds the package by name.
import * as kelp from "kelp-stream";

const [server, folder] = process.argv.slice(2);
const { run } = await import(`${folder}behaviours/index.mjs`);
const { runTasks } = await import(`${folder}elsewhere/client.js`);
process.exit((await runTasks(server, kelp, run)) ? 1 : 0);
