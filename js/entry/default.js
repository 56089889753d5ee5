// Browsers, workers, Deno, bundlers: the wasm file is next to this one.
import { setLoader } from "../load.js";

// Bundlers look for exactly this expression, so it must not move into a function.
setLoader(() => new URL("./kelp_stream_bg.wasm", import.meta.url));

export * from "../index.js";
