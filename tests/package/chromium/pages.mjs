// Pages in which behaviours run.
import assert from "node:assert/strict";

/** Runs behaviours in one page after another: a behaviour that failed leaves nothing to the next one. */
export class Pages {
  #newPage; #where; #page = null; #control; #uncaught;

  /** @param {() => Promise<import("playwright-core").Page>} newPage @param {() => string} where the origin that serves page.js */
  constructor(newPage, where) {
    this.#newPage = newPage;
    this.#where = where;
  }

  /** Runs a behaviour; what nobody caught in the page fails it too. Resolves to why it was skipped, if it was. */
  async run(name, control) {
    this.#control = control;
    this.#uncaught = [];
    const page = (this.#page ??= await this.#open());
    this.#page = null;
    const skipped = await page.evaluate(async (behaviour) => (await import("/page.js")).runInPage(behaviour), name);
    assert.deepEqual(this.#uncaught.map(({ message }) => message), [], "errors that nobody caught in the page");
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
