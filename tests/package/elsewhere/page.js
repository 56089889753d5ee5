// A page, in a frame, that runs behaviours; and begins anew after one that failed.
import * as kelp from "/kelp-stream/index.js";
import { run } from "/behaviours/index.mjs";
import { runErrands } from "/elsewhere/client.js";

if (await runErrands(location.origin, kelp, run)) location.reload();
