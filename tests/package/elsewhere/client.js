// Runs behaviours for a test that is in another process: asks its server which, one after another.
import { helpOf } from "../behaviours/help.js";
import { decode, encode } from "./wire.js";

/** Ends when the server has no more of them, or after one that failed: it leaves nothing to the next. Says whether it failed. */
export async function runErrands(server, kelp, run) {
  // Behaviours may put others in their place.
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
    const late = new Promise((_, reject) => (timer = setTimeout(reject, 200_000, new Error("it did not end in 200 s"))));
    const failures = [];
    const skipped = await Promise.race([run(name, kelp, ask, help), late]).catch((error) => void failures.push(shown(error)));
    clearTimeout(timer);
    // What nobody caught is told in the turn after.
    await new Promise((wake) => setTimeout(wake, 0));
    failures.push(...uncaught.splice(0));
    await post(`/done?id=${id}`, { failures, skipped });
    if (failures.length > 0) return true;
  }
}

function watch() {
  const uncaught = [];
  const note = (error) => uncaught.push(`nobody caught: ${shown(error)}`);
  if (globalThis.process) {
    globalThis.process.on("uncaughtException", note).on("unhandledRejection", note);
  } else {
    globalThis.addEventListener("error", ({ error, message }) => note(error ?? message));
    globalThis.addEventListener("unhandledrejection", ({ reason }) => note(reason));
  }
  return uncaught;
}

// Chromium's stacks begin with what the error says, the others' do not have it.
const shown = (error) => (error?.stack?.includes(error.message) ? error.stack : `${error}\n${error?.stack ?? ""}`);
