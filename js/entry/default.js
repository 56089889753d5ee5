// Browsers, workers, Deno, bundlers: the wasm file lies next to this one.
import { setLoader } from "../load.js";

// Written out here, and not in a function elsewhere, since bundlers look for exactly this expression.
setLoader(() => new URL("./kelp_stream_bg.wasm", import.meta.url));

export * from "../index.js";
