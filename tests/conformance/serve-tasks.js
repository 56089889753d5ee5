// Performs tasks with the package where this is imported: in a page, or in a worker of any kind.
import * as kelp from "/kelp-stream/index.js";
import { perform } from "/perform.js";

export const performHere = (task) => perform(kelp, task);
