// workerd does not compile wasm at run time: the imports give compiled modules. It has no workers, and no turn belongs to two requests.
import module from "./kelp_stream_bg.wasm";
import more from "./kelp_stream_more.wasm";
import codec from "./kelp_stream_codec.wasm";
import { giveCodec } from "../codec/module.js";
import { withoutTurns } from "../codec/turns.js";
import { setLoader } from "../load.js";
import { setMoreLoader } from "../more.js";
import { runtime } from "../runtime.js";
import { bodyReader } from "../workerd/body.js";

setLoader(() => module);
setMoreLoader(() => more);
giveCodec(codec);
withoutTurns();

// Otherwise workerd gives a default reader of a byte stream, which `pipeTo` is too, 4 KiB at a time. A byte stream copies each piece
// nevertheless, so a body that the runtime sends on is none: `npm run bench:edge` shows 0.85 times the CPU for an encrypted file.
Object.assign(runtime, {
  bodyReader, autoAllocateChunkSize: 256 * 2 ** 10, respondsInBytes: false, gathers: false, maxMetadataBytes: 8 * 2 ** 20, maxCacheBytes: 0,
});

export * from "../index.js";
