// The package in browsers: in a page, in a worker, in a service worker. The page requests its tasks from the server, so no browser
// driver is needed.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { browsers, openBrowser } from "../../scripts/install/browsers.mjs";
import { closeAll, servePackage } from "../package/support.mjs";
import { testPlace } from "./place.mjs";

const script = (name) => ({ type: "text/javascript", body: readFileSync(fileURLToPath(new URL(name, import.meta.url))) });
const PAGE = '<!doctype html><meta charset=utf-8><title>conformance</title><link rel=icon href=data:,><script type=module src="/browser.js"></script>';

/** Starts a browser with a page that requests tasks. */
async function startPage(kind, place) {
  const tasks = new Tasks();
  const scripts = ["browser.js", "serve-tasks.js", "perform.js", "worker.js"];
  const routes = { "/tasks": PAGE, "/report": (request, response) => tasks.answer(request, response), ...Object.fromEntries(scripts.map((name) => [`/${name}`, script(name)])) };
  const origin = await servePackage({ routes });
  const browser = await openBrowser(kind, `${origin}/tasks?place=${encodeURIComponent(place)}`);
  const close = async () => {
    await browser.close();
    await closeAll();
  };
  return { perform: (task) => tasks.perform(task), close };
}

/** Gives the page one task at a time: its request waits until there is one. */
class Tasks {
  #waiting = null; #page = null; #ids = 0; #fault = null;

  perform(task) {
    if (this.#fault) throw this.#fault;
    return new Promise((resolve, reject) => {
      this.#waiting = { id: this.#ids++, task, resolve, reject, sent: false };
      this.#send();
    });
  }

  async answer(request, response) {
    const { id, report, error } = JSON.parse(await text(request));
    if (error) {
      this.#fault = new Error(`the page failed: ${error}`);
      this.#waiting?.reject(this.#fault);
    } else if (id !== undefined && id === this.#waiting?.id) {
      this.#waiting.resolve(report);
      this.#waiting = null;
    }
    this.#page = response;
    this.#send();
  }

  #send() {
    if (!this.#page || !this.#waiting || this.#waiting.sent) return;
    const { id, task } = this.#waiting;
    this.#waiting.sent = true;
    this.#page.end(JSON.stringify({ id, task }));
    this.#page = null;
  }
}

const place = (heading, kind, where = "page", lacks = undefined) =>
  testPlace({ name: heading, skip: browsers()[kind].skip ?? false, start: () => startPage(kind, where), lacks });

place("Chromium", "chromium");
place("Chromium worker", "chromium", "worker");
place("Chromium service worker", "chromium", "service worker");
place("Firefox", "firefox");
place("WebKitGTK", "webkit");
