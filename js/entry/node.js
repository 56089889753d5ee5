// Node and Bun, whose fetch does not read files.
import { readFile } from "node:fs/promises";
import { setLoader } from "../load.js";

setLoader(() => readFile(new URL("./kelp_stream_bg.wasm", import.meta.url)));

export * from "../index.js";
