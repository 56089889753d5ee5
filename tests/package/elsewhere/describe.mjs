// Defines a test for each behaviour, in a browser or in a runtime.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openBrowser } from "../../../scripts/install/browsers.mjs";
import { behaviours } from "../behaviours/index.mjs";
import { startControl } from "../control.mjs";
import { routes, scripts } from "../routes.mjs";
import { closeAll, consumer, servePackage } from "../support.mjs";
import { Dispatcher } from "./rpc.mjs";

/** How many behaviours run concurrently: they wait more than they compute. */
const CONCURRENCY = 3;

const ICON = "<!doctype html><meta charset=utf-8><link rel=icon href=data:,>";
const PAGES = {
  "/frames": ICON + "<iframe src=/frame></iframe>".repeat(CONCURRENCY),
  "/frame": `${ICON}<script type=module src=/elsewhere/page.js></script>`,
};

/** In a browser: in the frames of a page, one behaviour at a time in each. */
export function describeInBrowser(kind, { skip = false }) {
  describeAll(kind, skip, (origin) => openBrowser(kind, `${origin}/frames`));
}

/** In processes of a runtime, one behaviour at a time in each. `args` precede the arguments of the program. */
export function describeInRuntime(name, { skip = false, program }, args = []) {
  describeAll(name, skip, (origin) => {
    const copy = join(consumer, "elsewhere.mjs");
    copyFileSync(new URL("program.mjs", import.meta.url), copy);
    const started = Array.from({ length: CONCURRENCY }, () => new Program(program, [...args, copy, origin, new URL("..", import.meta.url).href]));
    return { close: () => Promise.all(started.map((each) => each.close())) };
  });
}

function describeAll(where, skip, start) {
  describe(`in ${where}`, { skip, concurrency: CONCURRENCY }, () => {
    const dispatcher = new Dispatcher();
    let place;
    before(async () => {
      place = await start(await servePackage({ routes: { ...routes, ...scripts("elsewhere"), ...PAGES, ...dispatcher.routes } }));
    });
    after(async () => {
      dispatcher.end();
      await place?.close();
      await closeAll();
    });
    for (const [group, list] of Object.entries(behaviours)) {
      for (const { name, cluster } of list) {
        test(`${group}: ${name}`, { timeout: 240_000 }, async (t) => {
          const control = await startControl(cluster);
          t.after(() => control.close());
          const skipped = await dispatcher.run(name, control);
          if (skipped) t.skip(skipped);
        });
      }
    }
  });
}

/** A program that is restarted when it ends, until it is closed. */
class Program {
  #command; #child; #closed = false;

  constructor(program, args) {
    this.#command = [program, args];
    this.#start();
  }

  #start() {
    const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
    this.#child = spawn(...this.#command, { cwd: consumer, env, stdio: ["ignore", "inherit", "inherit"] });
    this.#child.once("exit", () => this.#closed || this.#start());
  }

  async close() {
    this.#closed = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }
}
