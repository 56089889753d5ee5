// Runs behaviours for a test in another process: requests one after another from its server.
import { helpOf } from "../behaviours/help.js";
import { decode, encode } from "./wire.js";

/** Ends when the server has no further behaviour, or after a failure, so that it does not affect the next one. Resolves to whether it failed. */
export async function runTasks(server, kelp, run) {
  // Behaviours may replace the global ones.
  const { fetch, setTimeout, clearTimeout } = globalThis;
  const post = async (path, value) => decode(await (await fetch(server + path, { method: "POST", body: encode(value) })).text());
  const help = helpOf(server);
  const uncaught = watch();
  for (;;) {
    const { id, name } = await post("/next");
    if (name === undefined) return false;
    const ask = async (method, ...args) => {
      const { result, error } = await post(`/ask?id=${id}`, { method, args });
      if (error !== undefined) throw new Error(error);
      return result;
    };
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(reject, 200_000, new Error("not finished within 200 s"))));
    const failures = [];
    const skipped = await Promise.race([run(name, kelp, ask, help), late]).catch((error) => void failures.push(shown(error)));
    clearTimeout(timer);
    // Unhandled errors are reported one turn later.
    await new Promise((wake) => setTimeout(wake, 0));
    failures.push(...uncaught.splice(0));
    await post(`/done?id=${id}`, { failures, skipped });
    if (failures.length > 0) return true;
  }
}

function watch() {
  const uncaught = [];
  const note = (error) => uncaught.push(`unhandled: ${shown(error)}`);
  if (globalThis.process) {
    globalThis.process.on("uncaughtException", note).on("unhandledRejection", note);
  } else {
    globalThis.addEventListener("error", ({ error, message }) => note(error ?? message));
    globalThis.addEventListener("unhandledrejection", ({ reason }) => note(reason));
  }
  return uncaught;
}

// Stacks in Chromium begin with the message; others do not contain it.
const shown = (error) => (error?.stack?.includes(error.message) ? error.stack : `${error}\n${error?.stack ?? ""}`);
