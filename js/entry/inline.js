// The wasm modules and the program of the workers are inside this file: for bundles, and for places where files have no URL.
import codec from "#codec.wasm";
import core from "#core.wasm";
import more from "#more.wasm";
import program from "#worker";
import { bytes } from "../check.js";
import { setCodecLoader } from "../codec/module.js";
import { setSpawner } from "../codec/workers.js";
import { setLoader } from "../load.js";
import { setMoreLoader } from "../more.js";

setLoader(() => bytes(core));
setMoreLoader(() => bytes(more));
setCodecLoader(() => bytes(codec));
if (typeof Worker === "function" && URL.createObjectURL) setSpawner(spawn);

// Under a policy that forbids workers of `blob:` URLs, the page decodes.
function spawn() {
  const url = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  // A worker that has sent a message has loaded its program.
  worker.addEventListener("message", () => URL.revokeObjectURL(url), { once: true });
  return worker;
}

export * from "../index.js";
