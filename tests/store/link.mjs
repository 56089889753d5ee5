// A link of limited bandwidth that several responses share.

/** Milliseconds of lost time that a busy link makes up for: timers are late, and event loops are busy. */
const CATCH_UP = 10;

/**
 * Gives each piece its time on the link, in the order of the calls. Each response requests one piece at a time, so they share the link
 * fairly. Times follow from a schedule, not from the wake-up of the previous piece: a late timer delays a piece, but not the link.
 */
export class Link {
  /** Bytes per second; 0: no limit. */
  rate;
  #free = 0; #users = 0; #waiting = []; #timer = null;

  constructor(rate = 0) {
    this.rate = rate;
  }

  /** A response begins: idle time of the link is lost. */
  join() {
    if (this.#users++ === 0) this.#free = Math.max(this.#free, performance.now());
  }

  leave() {
    this.#users--;
  }

  /** The largest piece: one millisecond, so that other responses do not wait longer. */
  get piece() {
    return this.rate ? Math.ceil(this.rate / 1000) : Infinity;
  }

  /** Resolves when the bytes have passed the link; `undefined` if they have already. */
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

  // One timer for all: it resolves every piece that is due.
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
