// The stand-in SeaweedFS in a process of its own, so that it shares no event loop with what is measured.
import { startControl } from "../tests/package/control.mjs";
import { answer } from "./child.mjs";

const { cluster = null, ...options } = JSON.parse(process.argv[2] ?? "{}");
answer(await startControl(cluster, options));
