// Joins the bodies of several chunks: hands out their bytes in order, checks them, and requests the next bodies meanwhile.
//
// 1. The last piece of a chunk is handed out only if the digest of the chunk is right (`Check`). A wrong one breaks the whole, unless
//    none of the chunk was handed out: then the core reads it.
// 2. From a body that cannot be passed through, breaks, stalls or drips, the core reads on at the first missing byte, up to the end.
//    The digest of a chunk that was begun continues with what the core reads.
// 3. Cancelling gives back all bodies, for a client that stalls. The next read requests them again from there, and a digest
//    continues too.
import { Check } from "./check";
import type { Source } from "./delivery";
import { Pace, within } from "./pace";
import { Pieces } from "./pieces";
import type { Settings } from "./settings";
import { from, type View } from "./views";

/** Milliseconds that an open body may wait unread. Servers break idle connections, SeaweedFS after 30 s. */
const MAX_WAIT = 5000;
/** Milliseconds in which a server must send a piece, and bytes a second of them. The core has the same limits. */
const IDLE = 20_000;
const LEAST_RATE = 1024;

export interface Limits {
  /** Bodies that may be open at a time. */
  bodies: number;
  /** Bytes that may be requested ahead of the body that is read. */
  bytes: number;
  verify: Settings["verify"];
}

/** Requests the body of a view; `null` if it cannot be passed through. */
export type Take = (view: View) => Promise<Response | null>;

/** Reads the file from a position on, up to the end of the range. */
export type Core = (start: number) => Promise<Source>;

export class Relay {
  #views: View[];
  #take: Take;
  #core: Core;
  #limits: Limits;
  /** Bodies that were requested and are not read yet, by the index of their view. */
  #requested = new Map<number, Promise<Response | null>>();
  /** The view that is read, and the position of its next byte. */
  #index = 0;
  #at: number;
  #pieces = new Pieces();
  #check: Check | null = null;
  /** Judges the server. */
  #pace = new Pace(IDLE, LEAST_RATE);
  /** What the core reads from here on, and what it read beyond the view. */
  #rest: Source | null = null;
  #beyond: Uint8Array | null = null;
  /** When reading began, or went on, and the bytes since. */
  #began: number | null = null;
  #bytes = 0;
  /** How often all was given back. */
  #cancelled = 0;

  constructor(views: View[], take: Take, core: Core, limits: Limits) {
    this.#views = views;
    this.#take = take;
    this.#core = core;
    this.#limits = limits;
    this.#at = views[0]?.start ?? 0;
  }

  /** Requests the first body. Returns whether it can be passed through. */
  async begin(): Promise<boolean> {
    return (await this.#request(0)) !== null;
  }

  /** The next bytes; they are valid until the next call. Fails if a body breaks where it cannot be continued. */
  async read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    for (;;) {
      const view = this.#views[this.#index];
      if (!view) return { value: undefined, done: true };
      const piece = this.#beyond ?? (await this.#next(view));
      const own = piece.subarray(0, view.end - this.#at);
      this.#beyond = own.length < piece.length ? piece.subarray(own.length) : null;
      await this.#check?.add(own);
      const end = this.#at + own.length;
      if (end < view.end || !this.#check || (await this.#check.isRight())) {
        this.#goTo(end, view);
        return { value: own, done: false };
      }
      if (this.#at > view.start || this.#rest) throw new Error("the digest of a chunk is wrong, and some of it was sent");
      this.#check = null;
      await this.#readOn();
    }
  }

  /** Gives back all bodies. A read that is under way fails. */
  async cancel(): Promise<void> {
    this.#cancelled++;
    this.#began = null;
    await this.#drop();
  }

  async #drop(): Promise<void> {
    const rest = this.#rest;
    this.#rest = null;
    for (const requested of this.#requested.values()) void requested.then((response) => response?.body?.cancel()).catch(() => {});
    this.#requested.clear();
    await this.#pieces.cancel();
    await rest?.reader.cancel().catch(() => {});
    rest?.release();
  }

  #goTo(at: number, { end }: View): void {
    this.#bytes += at - this.#at;
    this.#at = at;
    if (at < end) return;
    this.#index++;
    this.#check = null;
    this.#pieces.close();
  }

  async #next(view: View): Promise<Uint8Array> {
    if (!this.#rest) {
      const cancelled = this.#cancelled;
      const piece = await this.#passed(view).catch(() => null);
      if (piece) return piece;
      if (cancelled !== this.#cancelled) throw new Error("cancelled");
      // The core finds another server, or reports what is wrong.
      await this.#readOn();
    }
    const { value, done } = (await this.#rest?.reader.read()) ?? { value: undefined, done: true };
    if (done) throw new Error("the core ended a stream early");
    return value;
  }

  /** From here on the core reads. */
  async #readOn(): Promise<void> {
    const cancelled = this.#cancelled;
    await this.#drop();
    this.#rest = await this.#core(this.#at);
    if (cancelled !== this.#cancelled) await this.#drop();
  }

  /** The next piece of the view's body; `null` if there is no such body, or it is too slow. */
  async #passed(view: View): Promise<Uint8Array | null> {
    if (!this.#pieces.isOpen && !(await this.#open(view))) return null;
    const began = Date.now();
    const reading = this.#pieces.read();
    if (!(await within(reading, IDLE))) return null;
    const piece = await reading;
    if (!this.#pace.wait(Date.now() - began)) return null;
    this.#pace.move(piece?.length ?? 0);
    return piece;
  }

  async #open(view: View): Promise<boolean> {
    const index = this.#index;
    const response = await this.#request(index);
    this.#requested.delete(index);
    if (!response?.body) return false;
    if (this.#at === view.start) this.#check = Check.of(view, response, this.#limits.verify);
    if (this.#began === null) [this.#began, this.#bytes] = [Date.now(), 0];
    this.#lookAhead(index, this.#bytes / (Date.now() - this.#began || 1));
    this.#pieces.open(response.body);
    return true;
  }

  // A waiting body holds a connection, and breaks if it waits too long, so a body is requested only if the client, at its rate so
  // far, reaches it within MAX_WAIT. For a slow client no body waits.
  #lookAhead(index: number, bytesPerMs: number): void {
    let ahead = 0;
    let before = this.#views[index]!.end - this.#at;
    for (let next = index + 1; next < Math.min(this.#views.length, index + this.#limits.bodies); next++) {
      if (before > bytesPerMs * MAX_WAIT || ahead >= this.#limits.bytes) return;
      void this.#request(next);
      ahead += lengthOf(this.#views[next]!);
      before += lengthOf(this.#views[next]!);
    }
  }

  #request(index: number): Promise<Response | null> {
    const view = this.#views[index]!;
    const requested = this.#requested.get(index) ?? this.#take(index === this.#index ? from(view, this.#at) : view);
    this.#requested.set(index, requested);
    return requested;
  }
}

const lengthOf = ({ start, end }: View) => end - start;
