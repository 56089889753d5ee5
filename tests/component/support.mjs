// The library component under a host: a process that is told what to do by lines of JSON (hosts/).
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { components } from "../../scripts/component.mjs";
import { hosts } from "../../scripts/hosts.mjs";

const { jco, wasmtime, node24 } = hosts();
const inFolder = (name) => fileURLToPath(new URL(`hosts/${name}`, import.meta.url));

/** The hosts of the library: `skip` says why one cannot be had. */
export const LIBRARY_HOSTS = [
  { name: "jco", skip: jco.skip ?? false, command: () => [process.execPath, inFolder("jco.mjs"), jco.library] },
  { name: "wasmtime", skip: wasmtime.skip ?? false, command: () => [wasmtime.python, inFolder("python.py"), components.library] },
];

/** The host of the library on WASI 0.3. */
export const ASYNC_HOST = {
  name: "jco on WASI 0.3", skip: jco.skip ?? node24.skip ?? false,
  command: () => [node24.program, inFolder("jco-async.mjs"), jco["library-async"]],
  // jco 1.35 does not answer any more once the timer is dropped that tells whether another replica is to be asked.
  options: { hedge: false },
};

/** The hosts of the gateway. Python's wasmtime has no server. */
export const GATEWAY_HOSTS = [
  { name: "jco", skip: jco.skip ?? false, command: () => [process.execPath, inFolder("serve.mjs"), jco.gateway, jco.http] },
];

/** A library under a host, ended with the test. */
export class Library {
  #child; #lines; #names = 0; #options;

  constructor(t, host) {
    const [program, ...args] = host.command();
    this.#options = { headers: [], ...host.options };
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    t.after(() => this.#child.kill());
  }

  async #ask(command, about) {
    this.#child.stdin.write(`${JSON.stringify({ command, ...about })}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the host ended at ${command}`);
    return JSON.parse(value);
  }

  /** Opens a file; `by` is a function of the interface, whose last argument are options. What has an error resolves to it: `{ error }`. */
  async open(by, ...args) {
    args.push({ ...this.#options, ...args.pop() });
    const file = this.#names++;
    const ask = (command, about) => this.#ask(command, { file, ...about });
    const told = await ask("open", { by, args });
    return {
      ...told,
      plan: (range) => ask("plan", { range }),
      stats: () => ask("stats"),
      drop: () => ask("dropFile"),
      body: (range) => this.#body(file, range),
      /** Reads a range to its end. */
      read: async (range) => (await this.#body(file, range)).read(),
    };
  }

  openFiler(url, filer = {}, options = {}) {
    return this.open("openFiler", url, filer, options);
  }

  async #body(file, range) {
    const body = this.#names++;
    const told = await this.#ask("body", { file, body, range });
    return {
      ...told,
      read: (about) => (told.error ? told : this.#ask("read", { body, ...about })),
      drop: () => this.#ask("dropBody", { body }),
    };
  }
}

/** Starts a gateway with these variables; resolves to its origin. It ends with the test. */
export function startGateway(t, host, variables) {
  const [program, ...args] = host.command();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"], env: { PATH: process.env.PATH, ...variables } });
  t.after(() => child.kill());
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error("the gateway ended")));
    child.stdout.once("data", (line) => resolve(String(line).trim()));
  });
}

/** Where the filer of a store serves a path. */
export const urlOf = (store, path) => store.filer + path.split("/").map(encodeURIComponent).join("/");

/** Waits until something is so; says whether it became so within two seconds. */
export async function becomes(is) {
  for (let tries = 0; tries < 100; tries++) {
    if (is()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
