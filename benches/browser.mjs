// Chromium without a debugger: a debugger that observes the network, as test runners use, takes more time per request than the request
// itself. The page requests its jobs from a server, runs them, and sends the results.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize, sep } from "node:path";
import { json } from "node:stream/consumers";
import { browser, flags } from "../scripts/install/chromium.mjs";
import { Failure, root } from "../scripts/command.mjs";
import { RIVAL } from "./rival.mjs";

/** Milliseconds until the browser must have requested its first job. */
const START = 30_000;

/** The certificate of the store is self-signed, and memory is measured after a garbage collection. */
const FLAGS = ["--ignore-certificate-errors", "--js-flags=--expose-gc"];

/**
 * Opens a page with reader.js; `call` calls its functions. `host`: a name for this machine, in place of 127.0.0.1. A page of such an
 * origin is no secure context, and has no WebCrypto.
 * @returns {Promise<{ call: (name: string, argument: object) => Promise<any>, pid: number, stop: () => Promise<void> }>}
 */
export async function openPage({ host } = {}) {
  const jobs = new Jobs();
  const server = await serve(jobs);
  const folder = await mkdtemp(join(tmpdir(), "kelp-bench-"));
  const origin = `http://${host ?? "127.0.0.1"}:${server.address().port}`;
  const named = host ? [`--host-resolver-rules=MAP ${host} 127.0.0.1`] : [];
  const child = spawn(browser(), [...flags, ...FLAGS, ...named, `--user-data-dir=${folder}`, origin], { stdio: "ignore" });
  const gone = once(child, "exit");
  const stop = async () => {
    child.kill();
    await gone;
    server.close().closeAllConnections();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  };
  const late = setTimeout(() => jobs.fail(new Failure("the browser did not start")), START);
  gone.then(() => jobs.fail(new Failure("the browser ended")), (error) => jobs.fail(error));
  await jobs.asked.catch(async (error) => {
    await stop();
    throw error;
  }).finally(() => clearTimeout(late));
  return { call: (name, argument) => jobs.add({ name, argument }), pid: child.pid, stop };
}

/** The server of the page, its modules and its jobs. */
async function serve(jobs) {
  if (!existsSync(join(root, "dist/index.js"))) throw new Failure("dist/index.js is missing: run npm run build");
  const server = createServer(async (request, response) => {
    if (request.url === "/job") return response.end(JSON.stringify(await jobs.next()));
    if (request.url === "/result") return response.end(jobs.finish(await json(request)));
    if (request.url === "/") return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    sendFile(new URL(request.url, "http://localhost").pathname, response);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}

function sendFile(pathname, response) {
  const path = pathname === "/rival.wasm" ? RIVAL : normalize(join(root, pathname));
  const isOpen = path === RIVAL || ["dist", "benches"].some((folder) => path.startsWith(join(root, folder) + sep));
  if (!isOpen || !existsSync(path)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": extname(path) === ".wasm" ? "application/wasm" : "text/javascript" }).end(readFileSync(path));
}

const WORK = `
  import * as bench from "/benches/reader.js";
  for (;;) {
    const { name, argument } = await (await fetch("/job", { cache: "no-store" })).json();
    const answer = await bench[name](argument).then((result) => ({ result }), (error) => ({ error: String(error?.stack ?? error) }));
    await fetch("/result", { method: "POST", body: JSON.stringify(answer) });
  }
`;

const PAGE = `<!doctype html><meta charset=utf-8><link rel=icon href=data:,>
  <script type=importmap>{ "imports": { "kelp-stream": "/dist/index.js" } }</script><script type=module>${WORK}</script>`;

/** One job at a time: `add` adds it, and the page requests and finishes it. */
class Jobs {
  asked; #heard; #job = null; #give = null; #failure = null;

  constructor() {
    this.asked = new Promise((done, fail) => (this.#heard = { done, fail }));
  }

  add(job) {
    if (this.#failure) throw this.#failure;
    return new Promise((done, fail) => {
      this.#job = { job, done, fail };
      this.#give?.(job);
    });
  }

  next() {
    this.#heard.done();
    return this.#job?.job ?? new Promise((give) => (this.#give = give));
  }

  finish({ result, error }) {
    const { done, fail } = this.#job;
    this.#job = this.#give = null;
    error ? fail(new Error(error)) : done(result);
  }

  fail(error) {
    this.#failure = error;
    this.#heard.fail(error);
    this.#job?.fail(error);
  }
}
