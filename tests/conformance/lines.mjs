// A reader in another process, which gets tasks as lines of JSON.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Starts the process. Lines that are not JSON are printed. @param {string[]} command */
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
    const { id, report } = JSON.parse(line);
    waiting.get(id)?.resolve(report);
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

// Promise.withResolvers, which Node 20 does not have.
function withResolvers() {
  let settle;
  const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}
