// `npm run setup`: installs what is missing to build and test; does nothing where all is there.
import { isMain, main } from "./command.mjs";
import { browser, driver, needChromium } from "./install/chromium.mjs";
import { needLinters, needModules, needNode, needRust } from "./install/toolchain.mjs";

/** Everything that `npm test` needs. */
export async function setup() {
  needNode();
  await needRust();
  needLinters();
  await needModules();
  await needChromium();
  console.log(`ready: node ${process.versions.node}, browser ${browser()}, driver ${driver()}`);
}

if (isMain(import.meta)) await main(setup);
