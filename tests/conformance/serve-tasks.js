// Performs tasks with the package in the page or worker that imports this module.
import * as kelp from "/kelp-stream/index.js";
import { perform } from "/perform.js";

export const performHere = (task) => perform(kelp, task);
