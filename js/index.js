export { version } from "#glue";
export { KelpError } from "./error.js";
export { init } from "./load.js";
export { openEntry, openFiler, openManifest, openUrl } from "./open.js";
export { Pool } from "./pool.js";
export { problem } from "./problem.js";
