// The browsers of the tests: which there are, how to get them, how to show them a page. The page tells our own server what
// it finds, so nothing here speaks a driver's protocol.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aptInstall, hasApt } from "./apt.mjs";
import { browser as chromium, flags, needChromium } from "./chromium.mjs";
import { Failure, find } from "../command.mjs";

/** The browsers of this machine, each `{ program }` or `{ skip }`, why it is not there. `CHROME`, `FIREFOX` and `WEBKIT` in the environment decide. */
export const browsers = () => ({
  chromium: there(chromium(), "npm run setup"),
  firefox: there(process.env.FIREFOX || find("firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"), howToInstall("firefox")),
  webkit: there(find("Xvfb") && (process.env.WEBKIT || miniBrowser()), howToInstall("webkit")),
});

/** Installs what is missing, on Debian as root, and prints what there is. @throws {Failure} if Chromium cannot be had. */
export async function installBrowsers() {
  await needChromium();
  for (const [kind, packages] of Object.entries(PACKAGES)) {
    if (browsers()[kind].skip && hasApt()) await aptInstall(...packages).catch(({ message }) => console.log(message));
  }
  for (const [kind, { program, skip }] of Object.entries(browsers())) console.log(`${kind}: ${program ?? `SKIPPED, ${skip}`}`);
}

/**
 * Shows a page of this machine in a browser without a window and without a past. It ends when it is closed, and with this process.
 * @param {"chromium" | "firefox" | "webkit"} kind
 * @returns {Promise<{ close(): Promise<void> }>}
 */
export async function openBrowser(kind, url) {
  const { program, skip } = browsers()[kind];
  if (skip) throw new Failure(`there is no ${kind}: ${skip}`);
  const place = new Place();
  try {
    await START[kind](place, program, url);
  } catch (error) {
    await place.close();
    throw error;
  }
  return place;
}

const START = {
  chromium: (place, program, url) => place.start(program, [...flags, `--user-data-dir=${place.folder}`, `--proxy-server=${NOWHERE.join(":")}`, url]),
  firefox(place, program, url) {
    const preferences = Object.entries(FIREFOX_PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
    writeFileSync(join(place.folder, "user.js"), preferences.join(""));
    return place.start(program, ["--headless", "--no-remote", "--profile", place.folder, url]);
  },
  // It has no way to show nothing: it gets a screen of its own, which nobody sees.
  async webkit(place, program, url) {
    const screen = await place.start("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], { signal: "SIGTERM", stdio: ["ignore", "ignore", "ignore", "pipe"] });
    const [number] = await Promise.race([once(screen.stdio[3], "data"), once(screen, "exit").then(() => [])]);
    if (number === undefined) throw new Failure("Xvfb ended before it had a screen");
    return place.start(program, [url], { env: { DISPLAY: `:${String(number).trim()}` } });
  },
};

/** Where a browser lives: a folder for all that it writes, and the processes that end with it. */
class Place {
  folder = mkdtempSync(join(tmpdir(), "kelp-browser-"));
  #children = [];

  constructor() {
    process.once("exit", this.#atExit);
  }

  // Each leads a group of its own, so that its children can be ended with it. Nothing of the user's own session is passed on.
  async start(program, args, { env = {}, stdio = "ignore", signal = "SIGKILL" } = {}) {
    const child = spawn(...untilParentEnds(program, args), {
      stdio, detached: true, cwd: this.folder,
      env: { PATH: process.env.PATH, LANG: "C.UTF-8", HOME: this.folder, TMPDIR: this.folder, XDG_RUNTIME_DIR: this.folder, ...QUIET, ...env },
    });
    this.#children.push({ child, signal });
    await once(child, "spawn").catch(({ message }) => {
      throw new Failure(`${program} cannot be started: ${message}`);
    });
    return child;
  }

  async close() {
    process.off("exit", this.#atExit);
    const running = this.#children.filter(({ child }) => child.pid && child.exitCode === null && child.signalCode === null);
    const ended = running.map(({ child }) => once(child, "exit"));
    this.#end();
    await Promise.all(ended);
    this.#remove();
  }

  #atExit = () => {
    this.#end();
    this.#remove();
  };

  // The last one first: a screen outlives what is shown on it. Xvfb takes its lock away only if it is asked to end.
  #end() {
    for (const { child, signal } of this.#children.toReversed()) signalGroup(child.pid, signal);
  }

  // What is just ending may still write.
  #remove() {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

// Where this process is killed, no handler of its exit runs: the kernel ends the child then, and its children notice.
function untilParentEnds(program, args) {
  const setpriv = find("setpriv");
  return setpriv ? [setpriv, ["--pdeathsig", "TERM", "--", program, ...args]] : [program, args];
}

function signalGroup(pid, signal) {
  try {
    if (pid) process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

const there = (program, skip) => (program ? { program } : { skip });

// The browser of WebKitGTK's own tests; Debian has it in the package of the driver.
function miniBrowser() {
  const lib = "/usr/lib";
  if (!existsSync(lib)) return null;
  const folders = readdirSync(lib).filter((name) => name.endsWith("-linux-gnu")).flatMap((name) => readdirSync(join(lib, name)).map((part) => join(lib, name, part)));
  return find(...folders.filter((path) => /\/webkit2?gtk-[\d.]+$/.test(path)).map((path) => join(path, "MiniBrowser")));
}

const PACKAGES = { firefox: ["firefox-esr"], webkit: ["webkit2gtk-driver", "xvfb"] };
const howToInstall = (kind) => `not installed: sudo apt-get install ${PACKAGES[kind].join(" ")} (Debian), or put its path into ${kind.toUpperCase()}`;

// GTK starts a bus and a bridge for screen readers of its own where it finds none, and Firefox one that reports crashes: they
// would be in no group of ours.
const QUIET = { MOZ_CRASHREPORTER_DISABLE: "1", DBUS_SESSION_BUS_ADDRESS: "disabled:", NO_AT_BRIDGE: "1", GSETTINGS_BACKEND: "memory" };

// What a browser asks of others than this machine goes to this proxy, and nobody is there. Loopback needs no proxy.
const NOWHERE = ["127.0.0.1", 9];

// No pages of its own, and as little as can be that is asked of anybody.
const FIREFOX_PREFERENCES = {
  "app.normandy.enabled": false,
  "app.shield.optoutstudies.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.aboutwelcome.enabled": false,
  "browser.newtabpage.enabled": false,
  "browser.region.update.enabled": false,
  "browser.safebrowsing.downloads.remote.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.safebrowsing.update.enabled": false,
  "browser.search.update": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "browser.startup.page": 0,
  "captivedetect.canonicalURL": "",
  "datareporting.healthreport.uploadEnabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.push.connection.enabled": false,
  "extensions.getAddons.cache.enabled": false,
  "extensions.systemAddon.update.enabled": false,
  "extensions.update.enabled": false,
  "media.gmp-manager.updateEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "network.prefetch-next": false,
  "network.proxy.allow_bypass": false,
  "network.proxy.failover_direct": false,
  "network.proxy.http": NOWHERE[0],
  "network.proxy.http_port": NOWHERE[1],
  "network.proxy.ssl": NOWHERE[0],
  "network.proxy.ssl_port": NOWHERE[1],
  "network.proxy.type": 1,
  "network.trr.mode": 5,
  "startup.homepage_welcome_url": "",
  "toolkit.telemetry.enabled": false,
  "toolkit.telemetry.unified": false,
};
