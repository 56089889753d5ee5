// The list of files: a choice of stores, the directory, and a row for each file.
import { byId, element } from "./dom.js";
import { formatBytes, formatCount } from "./format.js";
import { listDirectory } from "./listing.js";

/** The list. `onChoose(file, store)` is called when a file is chosen, `onStore(store)` when a store is. */
export class Files {
  #stores; #store; #directory; #after; #onChoose; #onStore;
  /** Counts the listings that were requested, so that a late response does not fill another directory. */
  #listings = 0;

  constructor(stores, onChoose, onStore) {
    this.#stores = stores;
    this.#onChoose = onChoose;
    this.#onStore = onStore;
    byId("more").addEventListener("click", () => this.#load());
    this.#showStores();
    this.#enter(stores[0]);
  }

  #showStores() {
    byId("stores").hidden = this.#stores.length < 2;
    for (const [index, store] of this.#stores.entries()) {
      const input = element("input", { type: "radio", name: "store", value: store.name, checked: index === 0 });
      input.addEventListener("change", () => this.#enter(store));
      byId("stores").append(element("label", {}, input, element("span", {}, store.name)));
    }
  }

  #enter(store) {
    this.#onStore(store);
    this.#open(store, store.directory);
  }

  #open(store, directory) {
    this.#store = store;
    this.#directory = directory;
    this.#after = "";
    byId("files").replaceChildren();
    this.#showFolder();
    this.#load();
  }

  async #load() {
    const listing = ++this.#listings;
    byId("more").hidden = true;
    byId("files-note").textContent = "Listing…";
    try {
      const { entries, after } = await listDirectory(this.#store, this.#directory, this.#after);
      if (listing !== this.#listings) return;
      this.#after = after;
      this.#show(entries);
    } catch (error) {
      if (listing === this.#listings) byId("files-note").textContent = `The files of ${this.#store.filer} cannot be listed: ${error.message}`;
    }
  }

  #show(entries) {
    const first = (entry) => (entry.path === this.#store.start ? 0 : entry.isDirectory ? 1 : 2);
    const sorted = [...entries].sort((one, other) => first(one) - first(other));
    byId("files").append(...sorted.map((entry) => this.#row(entry)));
    byId("more").hidden = this.#after === null;
    const total = byId("files").children.length;
    byId("files-note").textContent = total === 0 ? "This directory is empty." : formatCount(total, "entry").replace("entrys", "entries");
  }

  #row(entry) {
    const button = element("button", { type: "button", className: "name" }, entry.isDirectory ? `${entry.name}/` : entry.name);
    button.addEventListener("click", () => (entry.isDirectory ? this.#open(this.#store, entry.path) : this.#choose(entry, button)));
    const cell = element("td", {}, button, element("div", { className: "traits" }, ...this.#traits(entry)));
    return element("tr", {}, cell, element("td", { className: "number" }, entry.isDirectory ? "" : formatBytes(entry.size)));
  }

  #traits(entry) {
    if (entry.isDirectory) return ["directory"];
    const badges = [
      ...(entry.path === this.#store.start ? [["start here", "start"]] : []),
      ...entry.traits.map((trait) => [trait, trait]),
      ...(entry.expected?.expect ? [["broken on purpose", "broken"]] : []),
    ];
    const about = [entry.type, entry.chunks > 0 ? formatCount(entry.chunks, "chunk") : ""].filter(Boolean).join(" · ");
    return [...badges.map(([text, kind]) => element("span", { className: `badge ${kind}` }, text)), about];
  }

  #choose(entry, button) {
    document.querySelector("#files [aria-current]")?.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    this.#onChoose(entry, this.#store);
  }

  // The path as buttons, from the root down. A store with a single directory does not need it.
  #showFolder() {
    const { files } = this.#store;
    byId("folder").hidden = files.length > 0;
    const names = this.#directory.split("/").filter(Boolean);
    const steps = [["root", "/"], ...names.map((name, index) => [name, `/${names.slice(0, index + 1).join("/")}`])];
    byId("folder").replaceChildren(...steps.flatMap(([name, path], index) => {
      const button = element("button", { type: "button", className: "name" }, name);
      button.addEventListener("click", () => this.#open(this.#store, path));
      return index === 0 ? [button] : [" / ", button];
    }));
  }
}
