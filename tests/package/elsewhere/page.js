// The page in a frame that runs behaviours. Reloads after a failure.
import * as kelp from "/kelp-stream/index.js";
import { run } from "/behaviours/index.mjs";
import { runTasks } from "/elsewhere/client.js";

if (await runTasks(location.origin, kelp, run)) location.reload();
