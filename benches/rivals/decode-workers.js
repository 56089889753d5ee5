// Decoding by hand in module workers: the page reads the bodies; stored pieces go to a worker and decoded pieces return by transfer.

/** Workers for `open` of `decode`: each chunk goes to the one with the fewest chunks. */
export class Workers {
  #workers;

  /** @param {"platform" | "crates"} by what they decode with */
  constructor(count, by) {
    this.#workers = Array.from({ length: count }, () => new Decoder(by));
  }

  open = async (pieces, { key, gzip }, add) => {
    const idlest = this.#workers.reduce((a, b) => (b.waiting < a.waiting ? b : a));
    (await idlest.decode({ pieces, key, gzip })).forEach(add);
  };
}

class Decoder {
  #worker; #waiting = new Map(); #id = 0;

  constructor(by) {
    this.#worker = new Worker(new URL("./decode-worker.js", import.meta.url), { type: "module", name: by });
    this.#worker.onmessage = ({ data: { id, pieces, error } }) => {
      const { done, fail } = this.#waiting.get(id);
      this.#waiting.delete(id);
      error ? fail(new Error(error)) : done(pieces);
    };
    this.#worker.onerror = ({ message }) => this.#waiting.forEach(({ fail }) => fail(new Error(message)));
  }

  get waiting() {
    return this.#waiting.size;
  }

  decode({ pieces, ...chunk }) {
    const id = this.#id++;
    return new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail });
      this.#worker.postMessage({ id, pieces, ...chunk }, pieces.map(({ buffer }) => buffer));
    });
  }
}
