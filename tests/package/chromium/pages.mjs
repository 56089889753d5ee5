// The pages in which behaviours run.
import assert from "node:assert/strict";

/** Runs behaviours in a page, and opens a new page after a failure, so that it does not affect the next behaviour. */
export class Pages {
  #newPage; #where; #page = null; #control; #uncaught;

  /** @param {() => Promise<import("playwright-core").Page>} newPage @param {() => string} where returns the origin that serves page.js */
  constructor(newPage, where) {
    this.#newPage = newPage;
    this.#where = where;
  }

  /** Runs a behaviour. An unhandled error in the page fails it. Resolves to the reason if it was skipped. */
  async run(name, control) {
    this.#control = control;
    this.#uncaught = [];
    const page = (this.#page ??= await this.#open());
    this.#page = null;
    const skipped = await page.evaluate(async (behaviour) => (await import("/page.js")).runInPage(behaviour), name);
    assert.deepEqual(this.#uncaught.map(({ message }) => message), [], "unhandled errors in the page");
    this.#page = page;
    return skipped;
  }

  async #open() {
    const page = await this.#newPage();
    page.on("pageerror", (error) => this.#uncaught.push(error));
    await page.exposeFunction("askStore", (method, args) => this.#control[method](...args));
    await page.goto(`${this.#where()}/`);
    return page;
  }

  async close() {
    await this.#page?.close();
  }
}
