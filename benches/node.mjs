// The reader in Node, in a process of its own: no limit of connections for each host, and no page.
import { answer } from "./child.mjs";
import * as reader from "./reader.js";

answer({ ...reader });
