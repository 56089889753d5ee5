// workerd does not compile wasm at run time: the import gives a compiled module.
import module from "./kelp_stream_bg.wasm";
import { setLoader } from "../load.js";

setLoader(() => module);

export * from "../index.js";
