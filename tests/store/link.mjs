// A line of so many bytes a second, shared by all that is sent over it.

/** How much of its time a busy line makes up for, in ms: timers are late, and event loops are busy. */
const CATCH_UP = 10;

/**
 * Gives each piece its time on the line, one after another in the order in which they ask. Who sends several responses asks
 * for one piece of each at a time, so that they share fairly. Times follow from a schedule and not from each other's
 * wake-ups: a late timer delays a piece, and never the line.
 */
export class Link {
  /** Bytes a second; 0 for as fast as it goes. */
  rate;
  #free = 0; #users = 0; #waiting = []; #timer = null;

  constructor(rate = 0) {
    this.rate = rate;
  }

  /** A response begins: what an idle line could have sent is lost. */
  join() {
    if (this.#users++ === 0) this.#free = Math.max(this.#free, performance.now());
  }

  leave() {
    this.#users--;
  }

  /** The most bytes to take at a time: a millisecond's worth, so that small pieces of others need not wait for long. */
  get piece() {
    return this.rate ? Math.ceil(this.rate / 1000) : Infinity;
  }

  /** Resolves when the last of the bytes is over the line; `undefined` where that is now. */
  take(bytes) {
    if (!this.rate) return undefined;
    const now = performance.now();
    this.#free = Math.max(this.#free, now - CATCH_UP) + (bytes * 1000) / this.rate;
    if (this.#free <= now) return undefined;
    return new Promise((wake) => {
      this.#waiting.push({ at: this.#free, wake });
      this.#timer ??= this.#wait(now);
    });
  }

  // One timer for all: it wakes everyone whose time has come.
  #wait(now) {
    return setTimeout(() => this.#wake(), Math.max(1, this.#waiting[0].at - now));
  }

  #wake() {
    const now = performance.now();
    const due = this.#waiting.findIndex(({ at }) => at > now);
    for (const { wake } of this.#waiting.splice(0, due < 0 ? Infinity : due)) wake();
    this.#timer = this.#waiting.length > 0 ? this.#wait(now) : null;
  }
}
