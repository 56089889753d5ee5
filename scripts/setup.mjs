// `npm run setup`: installs what building and testing needs. Does nothing if all of it is installed.
import { isMain, main } from "./command.mjs";
import { browser, driver, needChromium } from "./install/chromium.mjs";
import { needLinters, needModules, needNode, needRust } from "./install/toolchain.mjs";

/** Installs everything that `npm test` needs. */
export async function setup() {
  needNode();
  await needRust();
  needLinters();
  await needModules();
  await needChromium();
  console.log(`ready: node ${process.versions.node}, browser ${browser()}, driver ${driver()}`);
}

if (isMain(import.meta)) await main(setup);
