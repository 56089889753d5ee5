// The stand-in SeaweedFS in a process of its own, so that it shares no event loop with what is measured.
// bench.mjs starts it, and asks it as behaviours do: { id, method, args } in, { id, result } or { id, error } out.
import { startControl } from "../tests/package/control.mjs";

const control = await startControl(process.argv[2] || null);

process.on("message", async ({ id, method, args }) => {
  try {
    process.send({ id, result: await control[method](...args) });
  } catch (error) {
    process.send({ id, error: error.stack });
  }
});
// Whoever asked is gone.
process.on("disconnect", () => process.exit());
process.send("ready");
