// Sends the bytes that the core reads to a client that may be slow, may stop, or may never read at all.
//
// 1. Pieces are written one after another. A client that takes one late gets smaller ones, so that its rate can be seen.
// 2. A client that takes nothing for `stall` milliseconds is stalled: the core's stream is cancelled, and its memory is given back.
//    When the client goes on, so does a new stream, from the first byte that the client did not get.
// 3. Each time it has been waited for `patience` milliseconds in all, it must have taken `leastRate` bytes a second of them. Else its
//    body is broken off. Time that the servers take does not count.
import type { Release } from "./memory";

/** The smallest write, in bytes. It grows with each that is taken at once. */
const SMALLEST = 16 * 2 ** 10;
/** Milliseconds. */
const AT_ONCE = 100;

export interface Patience {
  stall: number;
  patience: number;
  leastRate: number;
}

/** A stream of the file from a position on, and what gives its memory back. */
export interface Source {
  body: ReadableStream<Uint8Array>;
  release: Release;
}

export class Delivery {
  /** The bytes that the client took. */
  taken = 0;
  #length: number;
  #writer: WritableStreamDefaultWriter;
  #resume: (at: number) => Promise<Source>;
  #limits: Patience;
  #signal: AbortSignal;
  #source: { reader: ReadableStreamDefaultReader<Uint8Array>; release: Release } | null;
  #most = SMALLEST;
  /** Milliseconds waited for the client, and the bytes that it took meanwhile. */
  #waited = 0;
  #inTime = 0;

  /** `resume` opens the stream again, at a number of bytes from the beginning. */
  constructor(source: Source, length: number, to: WritableStream<Uint8Array>, resume: (at: number) => Promise<Source>, limits: Patience, signal: AbortSignal) {
    this.#source = opened(source);
    this.#length = length;
    this.#writer = to.getWriter();
    this.#resume = resume;
    this.#limits = limits;
    this.#signal = signal;
  }

  /** Sends everything. Never fails: if the client leaves or the file cannot be read on, the body breaks, and never ends short. */
  async run(): Promise<void> {
    // A client that leaves while the core is waited for ends the stream at once.
    this.#writer.closed.catch(() => this.#giveBack());
    try {
      while (this.taken < this.#length) {
        this.#source ??= opened(await this.#resume(this.taken));
        const { value, done } = await this.#source.reader.read();
        if (done) throw new Error("the core ended a stream early");
        await this.#send(value);
      }
      await this.#writer.close();
    } catch (error) {
      await this.#writer.abort(error).catch(() => {});
    } finally {
      await this.#giveBack();
    }
  }

  /** Writes a piece. After a stall the rest of it is dropped: the next stream has it again. */
  async #send(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length && this.#source; ) {
      const part = piece.subarray(at, at + this.#most);
      await this.#written(part);
      at += part.length;
      this.taken += part.length;
    }
  }

  async #written(part: Uint8Array): Promise<void> {
    const began = Date.now();
    const written = this.#writer.write(part);
    // It is awaited below, in turns.
    written.catch(() => {});
    const isTaken = await within(written, this.#limits.stall);
    this.#count(Date.now() - began);
    if (!isTaken) {
      await this.#giveBack();
      for (let since = Date.now(); !(await within(written, this.#limits.stall)); since = Date.now()) this.#count(Date.now() - since);
    }
    this.#inTime += part.length;
    this.#most = Date.now() - began < AT_ONCE ? this.#most * 2 : SMALLEST;
  }

  #count(ms: number): void {
    const { patience, leastRate } = this.#limits;
    if (this.#signal.aborted) throw this.#signal.reason;
    this.#waited += ms;
    if (this.#waited < patience) return;
    if (this.#inTime < (leastRate * this.#waited) / 1000) throw new Error("the client reads too slowly");
    this.#waited = 0;
    this.#inTime = 0;
  }

  async #giveBack(): Promise<void> {
    const source = this.#source;
    this.#source = null;
    await source?.reader.cancel().catch(() => {});
    source?.release();
  }
}

const opened = ({ body, release }: Source) => ({ reader: body.getReader(), release });

/** Whether a promise settles within a time. Rejects as the promise does. */
async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer = 0;
  const late = new Promise<boolean>((resolve) => void (timer = setTimeout(() => resolve(false), ms)));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
