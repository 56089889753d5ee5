// The WebDriver programs that wasm-bindgen's test runner uses, and the environment in which it finds them.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { browsers } from "./browsers.mjs";
import { browser as chromium, driver as chromedriver, flags } from "./chromium.mjs";
import { find, target } from "../command.mjs";

/** Path of geckodriver, `null` if there is none. `GECKODRIVER` in the environment overrides the search. */
const geckodriver = () => process.env.GECKODRIVER || find("geckodriver");

/**
 * The environment of the test runner, by the name that wasm-pack has for the browser: `{ driver, env }`, or `{ skip }` with the
 * reason. The runner takes the first driver that its environment names, so each environment unsets the other driver.
 */
export function driverEnvironments() {
  const firefox = browsers().firefox;
  return {
    chrome: chromeEnvironment(),
    firefox: firefox.skip || !geckodriver() ? { skip: firefox.skip ?? "there is no geckodriver on PATH, nor in GECKODRIVER (cargo install geckodriver)" } : firefoxEnvironment(firefox.program),
  };
}

function chromeEnvironment() {
  const driver = chromedriver();
  const capabilities = { "goog:chromeOptions": { binary: chromium(), args: flags } };
  return { driver, env: { CHROMEDRIVER: driver, GECKODRIVER: undefined, WASM_BINDGEN_TEST_WEBDRIVER_JSON: write("chrome", capabilities) } };
}

function firefoxEnvironment(binary) {
  const driver = geckodriver();
  const capabilities = { "moz:firefoxOptions": { binary, args: ["-headless"] } };
  return { driver, env: { GECKODRIVER: driver, CHROMEDRIVER: undefined, WASM_BINDGEN_TEST_WEBDRIVER_JSON: write("firefox", capabilities) } };
}

/** Writes the capabilities of a browser; returns the path of the file. */
function write(name, capabilities) {
  const path = join(target, `webdriver-${name}.json`);
  mkdirSync(target, { recursive: true });
  writeFileSync(path, JSON.stringify(capabilities, null, 2));
  return path;
}
