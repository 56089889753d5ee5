// Node and Bun: fetch does not read files there.
import { readFile } from "node:fs/promises";
import { setLoader } from "../load.js";

setLoader(() => readFile(new URL("./kelp_stream_bg.wasm", import.meta.url)));

export * from "../index.js";
