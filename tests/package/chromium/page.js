// Runs behaviours in the page.
import * as kelp from "/kelp-stream/index.js";
import { helpOf } from "/behaviours/help.js";
import { run } from "/behaviours/index.mjs";

const help = helpOf(location.origin);

/** Runs a behaviour by its name. */
export function runInPage(name) {
  return run(name, kelp, (method, ...args) => window.askStore(method, args), help);
}
