// Sends the bytes of a file to a client that may be slow, may stop, or may never read at all.
//
// 1. Pieces are written one after another. A client that takes one late gets smaller ones, so that its rate can be seen.
// 2. A client that takes nothing for `stall` milliseconds is stalled: the source is cancelled, and its memory is given back, except
//    for the piece that is being sent. When the client goes on, so does a new source, behind that piece.
// 3. Each time it has been waited for `patience` milliseconds in all, it must have taken `leastRate` bytes a second of them. Else its
//    body is broken off. Time that the servers take does not count.
import type { Release } from "./memory";
import { Pace, within } from "./pace";

/** The smallest write, in bytes. It grows with each that is taken at once. */
const SMALLEST = 16 * 2 ** 10;
/** Milliseconds. */
const AT_ONCE = 100;

export interface Patience {
  stall: number;
  patience: number;
  leastRate: number;
}

/** The bytes of the file from a position on, and what gives their memory back. A piece is valid until the next one is read. */
export interface Source {
  reader: Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;
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
  #source: Source | null;
  #most = SMALLEST;
  /** Of the client, while it is waited for. */
  #pace: Pace;

  /** `resume` opens a source again, at a number of bytes from the beginning. */
  constructor(source: Source, length: number, to: WritableStream<Uint8Array>, resume: (at: number) => Promise<Source>, limits: Patience, signal: AbortSignal) {
    this.#source = source;
    this.#length = length;
    this.#writer = to.getWriter();
    this.#resume = resume;
    this.#limits = limits;
    this.#pace = new Pace(limits.patience, limits.leastRate);
    this.#signal = signal;
  }

  /** Sends everything. Never fails: if the client leaves or the file cannot be read on, the body breaks, and never ends short. */
  async run(): Promise<void> {
    // A client that leaves while the source is waited for ends it at once.
    this.#writer.closed.catch(() => this.#giveBack());
    try {
      while (this.taken < this.#length) {
        this.#source ??= await this.#resume(this.taken);
        const { value, done } = await this.#source.reader.read();
        if (done) throw new Error("the file ended early");
        await this.#send(value);
      }
      await this.#writer.close();
    } catch (error) {
      await this.#writer.abort(error).catch(() => {});
    } finally {
      await this.#giveBack();
    }
  }

  async #send(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
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
    this.#pace.move(part.length);
    this.#most = Date.now() - began < AT_ONCE ? this.#most * 2 : SMALLEST;
  }

  #count(ms: number): void {
    if (this.#signal.aborted) throw this.#signal.reason;
    if (!this.#pace.wait(ms)) throw new Error("the client reads too slowly");
  }

  async #giveBack(): Promise<void> {
    const source = this.#source;
    this.#source = null;
    await source?.reader.cancel().catch(() => {});
    source?.release();
  }
}
