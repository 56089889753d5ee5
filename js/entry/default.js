// Browsers, workers, Deno, bundlers: the wasm files and the worker are next to this one.
import { setCodecLoader } from "../codec/module.js";
import { setSpawner } from "../codec/workers.js";
import { setLoader } from "../load.js";
import { setMoreLoader } from "../more.js";

// Bundlers look for exactly these expressions, so they must not move into a function of several lines or take a variable.
setLoader(() => new URL("./kelp_stream_bg.wasm", import.meta.url));
setMoreLoader(() => new URL("./kelp_stream_more.wasm", import.meta.url));
setCodecLoader(() => new URL("./kelp_stream_codec.wasm", import.meta.url));
if (typeof Worker === "function") setSpawner(() => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));

export * from "../index.js";
