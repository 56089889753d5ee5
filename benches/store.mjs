// The stand-in in its own process, so that it shares no event loop with the reader.
import { startControl } from "../tests/package/control.mjs";
import { answer } from "./child.mjs";

const { cluster = null, ...options } = JSON.parse(process.argv[2] ?? "{}");
answer(await startControl(cluster, options));
