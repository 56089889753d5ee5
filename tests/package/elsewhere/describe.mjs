// The behaviours of the package as tests, in a browser or in a runtime.
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
import { Errands } from "./errands.mjs";

/** So many run at one time: they wait more than they work. */
const AT_ONCE = 3;

const ICON = "<!doctype html><meta charset=utf-8><link rel=icon href=data:,>";
const PAGES = {
  "/frames": ICON + "<iframe src=/frame></iframe>".repeat(AT_ONCE),
  "/frame": `${ICON}<script type=module src=/elsewhere/page.js></script>`,
};

/** In a browser: in a page of frames, one at a time in each. */
export function describeInBrowser(kind, { skip = false }) {
  describeAll(kind, skip, (origin) => openBrowser(kind, `${origin}/frames`));
}

/** In a runtime, which is started with these arguments before the program's: in so many processes, one at a time in each. */
export function describeInRuntime(name, { skip = false, program }, args = []) {
  describeAll(name, skip, (origin) => {
    const copy = join(consumer, "elsewhere.mjs");
    copyFileSync(new URL("program.mjs", import.meta.url), copy);
    const started = Array.from({ length: AT_ONCE }, () => new Program(program, [...args, copy, origin, new URL("..", import.meta.url).href]));
    return { close: () => Promise.all(started.map((each) => each.close())) };
  });
}

function describeAll(where, skip, start) {
  describe(`in ${where}`, { skip, concurrency: AT_ONCE }, () => {
    const errands = new Errands();
    let place;
    before(async () => {
      place = await start(await servePackage({ routes: { ...routes, ...scripts("elsewhere"), ...PAGES, ...errands.routes } }));
    });
    after(async () => {
      errands.end();
      await place?.close();
      await closeAll();
    });
    for (const [group, list] of Object.entries(behaviours)) {
      for (const { name, cluster } of list) {
        test(`${group}: ${name}`, { timeout: 240_000 }, async (t) => {
          const control = await startControl(cluster);
          t.after(() => control.close());
          const skipped = await errands.run(name, control);
          if (skipped) t.skip(skipped);
        });
      }
    }
  });
}

/** A program that is started again whenever it ends, until it is closed. */
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
