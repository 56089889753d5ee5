// The reader in Node, in another process: without the limit of connections per host that browsers have.
import { answer } from "./child.mjs";
import * as reader from "./reader.js";

answer({ ...reader });
