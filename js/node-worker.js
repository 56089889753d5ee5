// The program of a worker in Node.
import { parentPort } from "node:worker_threads";
import { serve } from "./codec/serve.js";

serve({
  set onmessage(take) {
    parentPort.on("message", (data) => take({ data }));
  },
  postMessage: (message, transfer) => parentPort.postMessage(message, transfer),
});
