// Answers the messages of js/codec/workers.js in a worker.
import { decode } from "./decode.js";
import { giveCodec } from "./module.js";

/** Decodes what comes to `port`. */
export function serve(port) {
  /** The chunks that are in work, by the numbers of their jobs; true if cancelled. */
  const jobs = new Map();
  port.onmessage = async ({ data: { module, cancel, id, stored, params } }) => {
    if (module) return giveCodec(module);
    if (cancel !== undefined) return jobs.has(cancel) && jobs.set(cancel, true);
    jobs.set(id, false);
    // What it throws is an error of this worker, which is replaced then.
    const result = await decode(stored, params, () => jobs.get(id), stored);
    jobs.delete(id);
    // The cause may be of a kind that cannot be cloned.
    delete result.cause;
    port.postMessage({ id, result }, result.pieces?.map(({ buffer }) => buffer) ?? []);
  };
  port.postMessage({ up: true });
}
