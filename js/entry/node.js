// Node and Bun, whose fetch does not read files, and whose workers are threads.
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { setCodecLoader } from "../codec/module.js";
import { setSpawner } from "../codec/workers.js";
import { setLoader } from "../load.js";
import { setMoreLoader } from "../more.js";

setLoader(() => readFile(new URL("./kelp_stream_bg.wasm", import.meta.url)));
setMoreLoader(() => readFile(new URL("./kelp_stream_more.wasm", import.meta.url)));
setCodecLoader(() => readFile(new URL("./kelp_stream_codec.wasm", import.meta.url)));
setSpawner(startThread, availableParallelism);

/** A thread with the interface of a Worker in a page. */
function startThread() {
  // Without `execArgv` it would take over flags of this process that are for its main program, such as --input-type.
  const thread = new Worker(new URL("./node-worker.js", import.meta.url), { execArgv: [], env: {}, name: "kelp-stream" });
  const worker = {
    onmessage: null,
    onerror: null,
    postMessage: (message, transfer) => thread.postMessage(message, transfer),
    terminate: () => void thread.terminate(),
    ref: () => thread.ref(),
    unref: () => thread.unref(),
  };
  thread.on("message", (data) => worker.onmessage?.({ data }));
  for (const death of ["error", "messageerror", "exit"]) thread.on(death, () => worker.onerror?.());
  return worker;
}

export * from "../index.js";
