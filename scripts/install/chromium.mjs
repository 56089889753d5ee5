// Chromium and chromedriver: finds them, installs them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { aptInstall, hasApt } from "./apt.mjs";
import { Failure, find, root } from "../command.mjs";

/** The flags of a browser under test, from webdriver.json, which wasm-pack reads too. */
export const flags = JSON.parse(readFileSync(join(root, "webdriver.json"), "utf8"))["goog:chromeOptions"].args;

/** Path of Chromium or Chrome, `null` if there is none. `CHROME` in the environment overrides the search. */
export const browser = () => process.env.CHROME || find("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", ...MAC_APPS);

/** Path of chromedriver, `null` if there is none. `CHROMEDRIVER` in the environment overrides the search. */
export const driver = () => process.env.CHROMEDRIVER || find("chromedriver", "/usr/lib/chromium/chromedriver");

/** Installs both on Debian as root. @throws {Failure} elsewhere, with what to install. */
export async function needChromium() {
  if (browser() && driver()) return;
  if (!hasApt()) throw new Failure(howToInstall());
  await aptInstall("chromium", "chromium-driver");
  if (!browser() || !driver()) throw new Failure(howToInstall());
}

function howToInstall() {
  const missing = [browser() ? null : "Chromium or Chrome", driver() ? null : "chromedriver"].filter(Boolean).join(" and ");
  return `Missing for the tests in a browser: ${missing}.
  Debian, Ubuntu:  sudo apt-get install chromium chromium-driver
  macOS:           brew install --cask google-chrome chromedriver
Elsewhere: put both on PATH, or their paths into CHROME and CHROMEDRIVER.`;
}

const MAC_APPS = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"];
