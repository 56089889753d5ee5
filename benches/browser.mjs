// Chromium without a debugger: one that listens to the network, as those of test runners do, costs more time for each
// request than the request itself. The page asks for what to do, does it, and sends the answer.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { browser, flags } from "../scripts/chromium.mjs";
import { Failure } from "../scripts/command.mjs";
import { servePackage } from "../tests/package/support.mjs";

/** How long the browser may take to start and to ask for its first job, in ms. */
const START = 30_000;

/**
 * Opens a page with a module whose functions can be called.
 * @param {Record<string, object>} routes of the server, "/bench.js" is the module
 * @returns {Promise<{ call: (name: string, argument: object) => Promise<any>, stop: () => Promise<void> }>}
 */
export async function openPage(routes) {
  const jobs = new Jobs();
  const origin = await servePackage({
    routes: {
      ...routes,
      "/": `<!doctype html><meta charset=utf-8><link rel=icon href=data:,><script type=module>${WORK}</script>`,
      "/job": async (request, response) => response.end(JSON.stringify(await jobs.next())),
      "/result": async (request, response) => response.end(jobs.finish(await json(request))),
    },
  });
  const folder = await mkdtemp(join(tmpdir(), "kelp-bench-"));
  const child = spawn(browser(), [...flags, `--user-data-dir=${folder}`, origin], { stdio: "ignore" });
  const gone = once(child, "exit");
  const stop = async () => {
    child.kill();
    await gone;
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  };
  const late = setTimeout(() => jobs.fail(new Failure("the browser did not start")), START);
  gone.then(() => jobs.fail(new Failure("the browser ended")), (error) => jobs.fail(error));
  await jobs.asked.catch(async (error) => {
    await stop();
    throw error;
  }).finally(() => clearTimeout(late));
  return { call: (name, argument) => jobs.add({ name, argument }), stop };
}

const WORK = `
  import * as bench from "/bench.js";
  for (;;) {
    const { name, argument } = await (await fetch("/job", { cache: "no-store" })).json();
    const answer = await bench[name](argument).then((result) => ({ result }), (error) => ({ error: String(error?.stack ?? error) }));
    await fetch("/result", { method: "POST", body: JSON.stringify(answer) });
  }
`;

/** One job at a time: somebody adds it, the page asks for it and finishes it. */
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
