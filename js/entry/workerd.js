// workerd compiles no wasm at run time: the module is imported, compiled.
import module from "./kelp_stream_bg.wasm";
import { setLoader } from "../load.js";

setLoader(() => module);

export * from "../index.js";
