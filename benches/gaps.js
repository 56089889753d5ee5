// How long the page cannot react: a timer of 0 ms schedules itself, and the time between two of its runs is a gap. Browsers run such a
// timer each 4 ms, so a click waits for at most a gap.

/** What the timer of an idle page takes. */
const IDLE = 4;
/** A gap up to this is as good as an idle page. */
const UNNOTICED = 8;

/** Observes the event loop of this page until `stop`. */
export class Gaps {
  #begin; #last; #longest = 0; #late = 0; #timer;

  /** Resolves when the timer runs at its constant pace: the first runs of a chain of timers have no delay. */
  async start() {
    this.#tick();
    for (let run = 0; run < 8; run++) await new Promise((done) => setTimeout(done));
    this.#begin = this.#last = performance.now();
    this.#longest = this.#late = 0;
  }

  /** The longest gap in ms, and the percentage of time that gaps of more than 8 ms exceed 4 ms by. */
  stop() {
    this.#count();
    clearTimeout(this.#timer);
    return { longest: this.#longest, blocked: (100 * this.#late) / (this.#last - this.#begin) };
  }

  #tick() {
    this.#count();
    this.#timer = setTimeout(() => this.#tick());
  }

  #count() {
    const now = performance.now();
    const gap = now - this.#last;
    if (gap > UNNOTICED) this.#late += gap - IDLE;
    this.#longest = Math.max(this.#longest, gap);
    this.#last = now;
  }
}
