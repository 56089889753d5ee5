// Pages that may be hidden and frozen. Playwright keeps its pages focused, so these are driven over the DevTools protocol without it.

/** Opens a page of its own in a browser of Playwright. It is closed with the browser. */
export async function openBackgroundPage(browser, url) {
  const root = await browser.newBrowserCDPSession();
  // Playwright leaves pages alone whose context it did not make.
  const { browserContextId } = await root.send("Target.createBrowserContext");
  const { targetId } = await root.send("Target.createTarget", { url: "about:blank", browserContextId });
  const { sessionId } = await root.send("Target.attachToTarget", { targetId, flatten: false });
  const page = new BackgroundPage(root, sessionId, { targetId, browserContextId });
  await page.send("Page.enable");
  const loaded = page.once("Page.loadEventFired");
  await page.send("Page.navigate", { url });
  await loaded;
  return page;
}

class BackgroundPage {
  #root; #sessionId; #about; #last = 0; #answers = new Map(); #events = new Map();

  constructor(root, sessionId, about) {
    this.#root = root;
    this.#sessionId = sessionId;
    this.#about = about;
    root.on("Target.receivedMessageFromTarget", ({ sessionId, message }) => sessionId === this.#sessionId && this.#take(JSON.parse(message)));
  }

  #take({ id, method, params, result, error }) {
    if (id === undefined) return this.#events.get(method)?.(params);
    const { done, fail } = this.#answers.get(id);
    this.#answers.delete(id);
    if (error) fail(new Error(error.message));
    else done(result);
  }

  /** Sends a command of the protocol. */
  send(method, params = {}) {
    const id = ++this.#last;
    return new Promise((done, fail) => {
      this.#answers.set(id, { done, fail });
      this.#root.send("Target.sendMessageToTarget", { sessionId: this.#sessionId, message: JSON.stringify({ id, method, params }) }).catch(fail);
    });
  }

  once(event) {
    return new Promise((happened) => this.#events.set(event, happened));
  }

  /** Runs a function in the page; what it refers to it gets as its argument. */
  async evaluate(run, argument) {
    const expression = `(${run})(${JSON.stringify(argument)})`;
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** No task of the page and of its workers runs until `thaw`. */
  freeze() {
    return this.send("Page.setWebLifecycleState", { state: "frozen" });
  }

  thaw() {
    return this.send("Page.setWebLifecycleState", { state: "active" });
  }

  setOffline(offline) {
    return this.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  }

  /** Puts another page in front of it. */
  async hide() {
    const { targetId } = await this.#root.send("Target.createTarget", { url: "about:blank", browserContextId: this.#about.browserContextId });
    await this.#root.send("Target.activateTarget", { targetId });
  }
}
