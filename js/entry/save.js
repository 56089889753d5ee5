import { setPartWorker } from "../save/parts.js";

// Bundlers look for exactly this expression.
if (typeof Worker === "function") setPartWorker(() => new Worker(new URL("./save-worker.js", import.meta.url), { type: "module" }));

export { save } from "../save/save.js";
