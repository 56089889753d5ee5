// Joins the bodies of several chunks: the runtime pumps one after another to the client, while the next are requested.
import type { View } from "./views";

/** Milliseconds that an open body may wait unread. Servers break idle connections, SeaweedFS after 30 s. */
const MAX_WAIT = 5000;

export interface Limits {
  /** Bodies that may be open at a time. */
  bodies: number;
  /** Bytes that may be requested ahead of the body that is pumped. */
  bytes: number;
}

/** Requests the body of a view; `null` if it cannot be passed through. */
export type Take = (view: View) => Promise<Response | null>;

/** Sends the file from a position on, and ends the stream. Resolves to whether it sent everything. */
export type Rest = (start: number, into: WritableStream<Uint8Array>) => Promise<boolean>;

export class Relay {
  #views: View[];
  #take: Take;
  #limits: Limits;
  /** Bodies that were requested and are not read yet, by the index of their view. */
  #requested = new Map<number, Promise<Response | null>>();

  constructor(views: View[], take: Take, limits: Limits) {
    this.#views = views;
    this.#take = take;
    this.#limits = limits;
  }

  /** The body of the view at an index. The caller must read or cancel it. */
  async body(index: number): Promise<ReadableStream<Uint8Array> | null> {
    const response = await this.#request(index);
    this.#requested.delete(index);
    return response?.body ?? null;
  }

  /**
   * Pumps the first body and then those of all other views. If one cannot be passed through, `rest` continues from its position.
   * A body that breaks breaks the whole: the runtime does not report how many of its bytes were sent. Resolves to whether all were.
   */
  async pump(first: ReadableStream<Uint8Array>, into: WritableStream<Uint8Array>, rest: Rest): Promise<boolean> {
    const began = Date.now();
    let sent = 0;
    try {
      for (const [index, view] of this.#views.entries()) {
        const body = index === 0 ? first : await this.body(index);
        if (!body) return await rest(view.start, into);
        this.#lookAhead(index, sent / (Date.now() - began || 1));
        await body.pipeTo(into, { preventClose: true });
        sent += view.end - view.start;
      }
      await into.close();
      return true;
    } catch (error) {
      await into.abort(error).catch(() => {});
      return false;
    } finally {
      for (const requested of this.#requested.values()) void requested.then((response) => response?.body?.cancel()).catch(() => {});
    }
  }

  // A waiting body holds a connection, and breaks if it waits too long, so a body is requested only if the client, at its rate so
  // far, reaches it within MAX_WAIT. For a slow client no body waits.
  #lookAhead(index: number, bytesPerMs: number): void {
    let ahead = 0;
    let before = lengthOf(this.#views[index]);
    for (let next = index + 1; next < Math.min(this.#views.length, index + this.#limits.bodies); next++) {
      if (before > bytesPerMs * MAX_WAIT || ahead >= this.#limits.bytes) return;
      void this.#request(next);
      ahead += lengthOf(this.#views[next]);
      before += lengthOf(this.#views[next]);
    }
  }

  #request(index: number): Promise<Response | null> {
    const view = this.#views[index];
    const requested = this.#requested.get(index) ?? (view ? this.#take(view) : Promise.resolve(null));
    this.#requested.set(index, requested);
    return requested;
  }
}

const lengthOf = (view: View | undefined) => (view ? view.end - view.start : 0);
