// The files that a service worker keeps open between requests. A media element makes many requests for one file.

/** Milliseconds without a request after which a file is opened anew: it may have changed at the filer. */
const FRESH = 60_000;

/** Files by their keys, the one that was used least recently first. */
export class OpenFiles {
  #files = new Map();
  #max;

  /** At most `max` files stay open that no request uses. */
  constructor(max) {
    this.#max = max;
  }

  /**
   * The file of this key, which `open` opens if it is not open. `done` must be called once when the request is over; `drop` makes the
   * next request open the file anew.
   */
  take(key, open) {
    let file = this.#files.get(key);
    if (file?.users === 0 && Date.now() - file.idleSince > FRESH) {
      this.#drop(key, file);
      file = undefined;
    }
    const isNew = file === undefined;
    file ??= { opening: new Promise((resolve) => resolve(open())), users: 0, idleSince: 0 };
    file.users++;
    // Otherwise a rejection before the first use is an unhandled one.
    file.opening.catch(() => {});
    // A Map keeps the order of insertion.
    this.#files.delete(key);
    this.#files.set(key, file);
    const done = () => {
      file.users--;
      file.idleSince = Date.now();
      if (file.users === 0 && this.#files.get(key) !== file) close(file);
      this.#shrink();
    };
    return { opening: file.opening, isNew, done, drop: () => this.#drop(key, file) };
  }

  /** Closes all files, and those in use too: their bodies fail. */
  close() {
    for (const file of this.#files.values()) close(file);
    this.#files.clear();
  }

  // A file in use is closed by the last request that uses it.
  #drop(key, file) {
    if (this.#files.get(key) === file) this.#files.delete(key);
    if (file.users === 0) close(file);
  }

  #shrink() {
    const idle = [...this.#files].filter(([, { users }]) => users === 0);
    for (const [key, file] of idle.slice(0, Math.max(idle.length - this.#max, 0))) this.#drop(key, file);
  }
}

function close(file) {
  file.opening.then((opened) => opened.close(), () => {});
}
