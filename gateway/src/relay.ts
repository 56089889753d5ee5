// The bodies of several chunks as one: the runtime pumps each to where the one before it ended, while the next are asked for.
import type { View } from "./views";

/** Milliseconds that a body may lie open and unread. Servers break connections on which nothing moves, SeaweedFS after 30 s. */
const PATIENCE = 5000;

export interface Limits {
  /** Bodies that may be open at a time. */
  bodies: number;
  /** Bytes that may be on their way ahead of the body that is read. */
  bytes: number;
}

/** Asks for the body of a view; `null` where it cannot be handed through. */
export type Take = (view: View) => Promise<Response | null>;

export class Relay {
  #views: View[];
  #take: Take;
  #limits: Limits;
  /** By their places among the views: what was asked for, and is not read yet. */
  #asked = new Map<number, Promise<Response | null>>();

  constructor(views: View[], take: Take, limits: Limits) {
    this.#views = views;
    this.#take = take;
    this.#limits = limits;
  }

  /** The body of the view at this place. It is the caller's to read, or to cancel. */
  async body(place: number): Promise<ReadableStream<Uint8Array> | null> {
    const response = await this.#ask(place);
    this.#asked.delete(place);
    return response?.body ?? null;
  }

  /**
   * Pumps a first body, and those of all views after the first, until all is there. Where one cannot be handed through, `rest`
   * goes on from that position. What breaks in the middle breaks all: nobody knows how much of it has left.
   */
  async pump(first: ReadableStream<Uint8Array>, into: WritableStream<Uint8Array>, rest: (start: number) => ReadableStream<Uint8Array>): Promise<void> {
    const began = Date.now();
    let sent = 0;
    try {
      for (const [place, view] of this.#views.entries()) {
        const body = place === 0 ? first : await this.body(place);
        if (!body) return await rest(view.start).pipeTo(into);
        this.#lookAhead(place, sent / (Date.now() - began || 1));
        await body.pipeTo(into, { preventClose: true });
        sent += view.end - view.start;
      }
      await into.close();
    } catch (error) {
      await into.abort(error).catch(() => {});
    } finally {
      for (const asked of this.#asked.values()) void asked.then((response) => response?.body?.cancel()).catch(() => {});
    }
  }

  // A body that waits holds a connection, and is lost where it waits for too long: a client that reads slowly has none in wait.
  #lookAhead(place: number, bytesPerMs: number): void {
    let ahead = 0;
    let before = lengthOf(this.#views[place]);
    for (let next = place + 1; next < Math.min(this.#views.length, place + this.#limits.bodies); next++) {
      if (before > bytesPerMs * PATIENCE || ahead >= this.#limits.bytes) return;
      void this.#ask(next);
      ahead += lengthOf(this.#views[next]);
      before += lengthOf(this.#views[next]);
    }
  }

  #ask(place: number): Promise<Response | null> {
    const view = this.#views[place];
    const asked = this.#asked.get(place) ?? (view ? this.#take(view) : Promise.resolve(null));
    this.#asked.set(place, asked);
    return asked;
  }
}

const lengthOf = (view: View | undefined) => (view ? view.end - view.start : 0);
