// Runs the library component in a host: a process that gets commands as lines of JSON (hosts/).
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { components } from "../../scripts/component.mjs";
import { hosts } from "../../scripts/install/hosts.mjs";

const { jco, wasmtime, node24, serve } = hosts();
const inFolder = (name) => fileURLToPath(new URL(`hosts/${name}`, import.meta.url));

const OPEN = "jco leaves the connection of a dropped body open";
const IN_READ = "how a body of the library for 0.2 ends is what its last read says";

/**
 * The hosts of the library. `skip`: why a host is not available. `cannot`: why some kinds of tests cannot pass there. `most`: the
 * longest range, since some hosts take a microsecond per byte.
 */
export const LIBRARY_HOSTS = [
  {
    name: "jco", skip: jco.skip ?? false, most: 3_000_000, cannot: { cancel: OPEN, outcome: IN_READ },
    command: () => [process.execPath, inFolder("jco.mjs"), jco.library],
  },
  {
    name: "wasmtime", skip: wasmtime.skip ?? false, most: 100_000, cannot: { outcome: IN_READ },
    command: () => [wasmtime.python, inFolder("python.py"), components.library],
  },
  {
    name: "jco on WASI 0.3", skip: jco.skip ?? node24.skip ?? false, most: 3_000_000, cannot: { cancel: OPEN, calls: "jco 1.35 may loop forever if a call begins before all is over that another one has begun" },
    command: () => [node24.program, inFolder("jco-async.mjs"), jco["library-async"]],
  },
];

const served = (name, component, flags) => ({
  name, skip: serve.skip ?? false, cannot: {},
  command: (variables) => [
    serve.program, "serve", ...flags, "--addr", "127.0.0.1:0",
    ...Object.entries(variables).flatMap(([variable, value]) => ["--env", `${variable}=${value}`]), component,
  ],
});

/** The hosts of the gateway. wasmtime in Python has no server. */
export const GATEWAY_HOSTS = [
  {
    name: "jco", skip: jco.skip ?? false, cannot: { cancel: OPEN },
    command: () => [process.execPath, inFolder("serve.mjs"), jco.gateway, jco.http],
  },
  {
    name: "jco on WASI 0.3", skip: jco.skip ?? node24.skip ?? false,
    cannot: { cancel: OPEN, bodiless: "jco's server answers nothing where a response has no body" },
    command: () => [node24.program, inFolder("serve-async.mjs"), jco["gateway-async"], jco["http-async"]],
  },
  // By default wasmtime passes no environment variables to a proxy of WASI 0.2.
  served("wasmtime", components.gateway, ["-S", "cli"]),
  served("wasmtime on WASI 0.3", components["gateway-async"], []),
];

/** A library in a host, which ends with the test. */
export class Library {
  #child; #lines; #names = 0; #options;

  constructor(t, host) {
    const [program, ...args] = host.command();
    this.#options = { headers: [] };
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

  /** Opens a file with a function of the interface, whose last argument are options. An error resolves to `{ error }`. */
  async open(by, ...args) {
    args.push({ ...this.#options, ...args.pop() });
    const file = this.#names++;
    const ask = (command, about) => this.#ask(command, { file, ...about });
    const result = await ask("open", { by, args });
    return {
      ...result,
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
    const result = await this.#ask("body", { file, body, range });
    return {
      ...result,
      read: (about) => (result.error ? result : this.#ask("read", { body, ...about })),
      drop: () => this.#ask("dropBody", { body }),
      outcome: () => this.#ask("outcome", { body }),
    };
  }
}

/** Starts a gateway with these variables; resolves to its origin. Ends with the test. `lines` gets the texts that it prints. */
export function startGateway(t, host, variables, lines = []) {
  const [program, ...args] = host.command(variables);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env.PATH, ...variables } });
  t.after(() => child.kill());
  return new Promise((resolve, reject) => {
    let printed = "";
    const listen = (text) => {
      printed += text;
      lines.push(String(text));
      const origin = /http:\/\/127\.0\.0\.1:\d+/.exec(printed);
      if (origin) resolve(origin[0]);
    };
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`the gateway ended: ${printed}`)));
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
  });
}

export { urlOf } from "../store/index.mjs";

/** Waits up to ten seconds until a number has not changed for half a second; resolves to whether it did. */
export async function isStill(count) {
  for (let tries = 0, still = 0, last = NaN; tries < 500; tries++) {
    still = count() === last ? still + 1 : 0;
    if (still === 25) return true;
    last = count();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

/** Waits up to two seconds for a condition; resolves to whether it holds. */
export async function becomes(is) {
  for (let tries = 0; tries < 100; tries++) {
    if (is()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
