// Calls methods in another process: messages { id, method, args }, and { id, result } or { id, error }.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Failure } from "../scripts/command.mjs";

/** Starts a module of this folder that calls `answer`; `ask` calls its methods, `stop` ends the process. */
export async function startChild(name, ...args) {
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), args, { serialization: "advanced" });
  const gone = once(child, "exit");
  await Promise.race([once(child, "message"), gone.then(() => { throw new Failure(`${name} did not start`); })]);
  const waiting = new Map();
  child.on("message", ({ id, result, error }) => {
    const { done, fail } = waiting.get(id);
    waiting.delete(id);
    error ? fail(new Error(error)) : done(result);
  });
  gone.then(() => waiting.forEach(({ fail }) => fail(new Failure(`${name} ended`))));
  let id = 0;
  const ask = (method, ...args) => new Promise((done, fail) => {
    id++;
    waiting.set(id, { done, fail });
    child.send({ id, method, args });
  });
  const stop = async () => {
    child.kill();
    await gone;
  };
  return { ask, stop, pid: child.pid };
}

/** Serves the methods of an object to the process that started this one. */
export function answer(methods) {
  process.on("message", async ({ id, method, args }) => {
    try {
      process.send({ id, result: await methods[method](...args) });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  });
  // The parent process has ended.
  process.on("disconnect", () => process.exit());
  process.send("ready");
}
