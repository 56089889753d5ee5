// Performs a task in workerd with the imported package.
import * as kelp from "kelp-stream";
import { perform } from "./perform.js";

export default {
  fetch: async (request) => Response.json(await perform(kelp, await request.json())),
};
