// workerd does not compile wasm at run time: the imports give compiled modules. It has no workers, and no turn belongs to two requests.
import module from "./kelp_stream_bg.wasm";
import codec from "./kelp_stream_codec.wasm";
import { giveCodec } from "../codec/module.js";
import { withoutTurns } from "../codec/turns.js";
import { setLoader } from "../load.js";

setLoader(() => module);
giveCodec(codec);
withoutTurns();

export * from "../index.js";
