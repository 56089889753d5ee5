// A reader that is a process of its own, and is asked by lines of JSON.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Starts it. Lines that are not JSON are what somebody prints: they are passed on. @param {string[]} command */
export async function startLines([program, ...args], options = {}) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], ...options });
  const waiting = new Map();
  let ended = null;
  const end = (reason) => {
    ended = new Error(`${program} ended: ${reason}`);
    for (const { reject } of waiting.values()) reject(ended);
  };
  child.once("error", ({ message }) => end(message));
  child.once("exit", (code, signal) => end(signal ?? `code ${code}`));
  child.stdin.on("error", () => {});
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (!line.startsWith("{")) return console.error(line);
    const { id, told } = JSON.parse(line);
    waiting.get(id)?.resolve(told);
    waiting.delete(id);
  });
  let ids = 0;
  return {
    perform(task) {
      if (ended) throw ended;
      const id = ids++;
      const { promise, ...settle } = withResolvers();
      waiting.set(id, settle);
      child.stdin.write(`${JSON.stringify({ id, task })}\n`);
      return promise;
    },
    async close() {
      process.off("exit", kill);
      if (ended) return;
      kill();
      await once(child, "exit");
    },
  };
}

// Promise.withResolvers, which Node 20 has not.
function withResolvers() {
  let settle;
  const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}
