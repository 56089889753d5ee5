// The browsers of the tests: finds them, installs them, opens a page in them. The page reports to the server of the test, so no driver
// protocol is needed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aptInstall, hasApt } from "./apt.mjs";
import { browser as chromium, flags, needChromium } from "./chromium.mjs";
import { Failure, find } from "../command.mjs";

/** The browsers of this machine, each `{ program }`, or `{ skip }` with the reason. `CHROME`, `FIREFOX` and `WEBKIT` in the environment override the search. */
export const browsers = () => ({
  chromium: found(chromium(), "npm run setup"),
  firefox: found(process.env.FIREFOX || find("firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"), howToInstall("firefox")),
  webkit: found(find("Xvfb") && (process.env.WEBKIT || miniBrowser()), howToInstall("webkit")),
});

/** Installs missing browsers, on Debian as root, and prints the result. @throws {Failure} if Chromium cannot be installed. */
export async function installBrowsers() {
  await needChromium();
  for (const [kind, packages] of Object.entries(PACKAGES)) {
    if (browsers()[kind].skip && hasApt()) await aptInstall(...packages).catch(({ message }) => console.log(message));
  }
  for (const [kind, { program, skip }] of Object.entries(browsers())) console.log(`${kind}: ${program ?? `SKIPPED, ${skip}`}`);
}

/**
 * Opens a page of this machine in a headless browser with a new profile. The browser ends with `close`, or with this process.
 * @param {"chromium" | "firefox" | "webkit"} kind
 * @returns {Promise<{ close(): Promise<void> }>}
 */
export async function openBrowser(kind, url) {
  const { program, skip } = browsers()[kind];
  if (skip) throw new Failure(`there is no ${kind}: ${skip}`);
  const session = new Session();
  try {
    await START[kind](session, program, url);
  } catch (error) {
    await session.close();
    throw error;
  }
  return session;
}

const START = {
  chromium: (session, program, url) => session.start(program, [...flags, `--user-data-dir=${session.folder}`, `--proxy-server=${NO_PROXY.join(":")}`, url]),
  firefox(session, program, url) {
    const preferences = Object.entries(FIREFOX_PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
    writeFileSync(join(session.folder, "user.js"), preferences.join(""));
    return session.start(program, ["--headless", "--no-remote", "--profile", session.folder, url]);
  },
  // MiniBrowser has no headless mode, so it gets an X server of its own.
  async webkit(session, program, url) {
    const screen = await session.start("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], { signal: "SIGTERM", stdio: ["ignore", "ignore", "ignore", "pipe"] });
    const [number] = await Promise.race([once(screen.stdio[3], "data"), once(screen, "exit").then(() => [])]);
    if (number === undefined) throw new Failure("Xvfb ended before it reported a display");
    return session.start(program, [url], { env: { DISPLAY: `:${String(number).trim()}` } });
  },
};

/** A running browser: a folder for everything that it writes, and its processes. */
class Session {
  folder = mkdtempSync(join(tmpdir(), "kelp-browser-"));
  #children = [];

  constructor() {
    process.once("exit", this.#atExit);
  }

  // Each process leads a group, so that its children end with it. It gets no variable of the user's session.
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

  // The last one first: the X server must outlive its client. Xvfb removes its lock file only after SIGTERM.
  #end() {
    for (const { child, signal } of this.#children.toReversed()) signalGroup(child.pid, signal);
  }

  // A process that is ending may still write.
  #remove() {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

// If this process is killed, its exit handlers do not run. Then the kernel ends the child, and its children notice that.
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

const found = (program, skip) => (program ? { program } : { skip });

// The browser of WebKitGTK's tests. Debian ships it with the WebDriver package.
function miniBrowser() {
  const lib = "/usr/lib";
  if (!existsSync(lib)) return null;
  const folders = readdirSync(lib).filter((name) => name.endsWith("-linux-gnu")).flatMap((name) => readdirSync(join(lib, name)).map((part) => join(lib, name, part)));
  return find(...folders.filter((path) => /\/webkit2?gtk-[\d.]+$/.test(path)).map((path) => join(path, "MiniBrowser")));
}

const PACKAGES = { firefox: ["firefox-esr"], webkit: ["webkit2gtk-driver", "xvfb"] };
const howToInstall = (kind) => `not installed: sudo apt-get install ${PACKAGES[kind].join(" ")} (Debian), or put its path into ${kind.toUpperCase()}`;

// Otherwise GTK starts a D-Bus daemon and an accessibility bridge, and Firefox a crash reporter, outside of the process group.
const QUIET = { MOZ_CRASHREPORTER_DISABLE: "1", DBUS_SESSION_BUS_ADDRESS: "disabled:", NO_AT_BRIDGE: "1", GSETTINGS_BACKEND: "memory" };

// A proxy that does not exist: requests to other machines fail. Requests to loopback use no proxy.
const NO_PROXY = ["127.0.0.1", 9];

// No start pages, and as few requests of its own as possible.
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
  "network.proxy.http": NO_PROXY[0],
  "network.proxy.http_port": NO_PROXY[1],
  "network.proxy.ssl": NO_PROXY[0],
  "network.proxy.ssl_port": NO_PROXY[1],
  "network.proxy.type": 1,
  "network.trr.mode": 5,
  "startup.homepage_welcome_url": "",
  "toolkit.telemetry.enabled": false,
  "toolkit.telemetry.unified": false,
};
