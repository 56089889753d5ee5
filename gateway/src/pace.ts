// Whether bytes move at a least rate: to a client, and from a server.

/** Judges each time that `window` milliseconds were waited in all. Other time does not count. */
export class Pace {
  #window: number;
  #leastRate: number;
  #waited = 0;
  #bytes = 0;

  /** `leastRate` in bytes a second. */
  constructor(window: number, leastRate: number) {
    this.#window = window;
    this.#leastRate = leastRate;
  }

  /** Counts bytes that moved. */
  move(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Counts milliseconds that were waited. Returns whether it is quick enough. */
  wait(ms: number): boolean {
    this.#waited += ms;
    if (this.#waited < this.#window) return true;
    const isEnough = this.#bytes >= (this.#leastRate * this.#waited) / 1000;
    this.#waited = this.#bytes = 0;
    return isEnough;
  }
}

/** Whether a promise settles within a time. Rejects as the promise does. */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer = 0;
  const late = new Promise<boolean>((resolve) => void (timer = setTimeout(() => resolve(false), ms)));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
