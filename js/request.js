// A request of the core. One call sends it, and what happens to it is reported: its head, then each piece of its body.
import { begin, pause, turn } from "./codec/turns.js";
import { isByteStream, isReceived } from "./platform.js";
import { redirectTarget, sendHome } from "./redirects.js";
import { bodyReader, runtime } from "./runtime.js";
import { END, FAILED, HEAD, PIECE, fields, report } from "./ticket.js";

/**
 * Sends a GET.
 * @param fetch the user's, if there is one
 * @param pairs the user's headers, if the request is for their origin
 * @param end the byte after the last one that is requested: Infinity for the end of the file; `start` is negative without a range
 * @param isManual whether a redirect must not be followed
 * @param gathered the length of a body whose pieces may come together; 0 if each has to come at once
 */
export function send(ticket, fetch, url, pairs, start, end, isManual, gathered) {
  const request = new WebRequest(fetch, url, pairs, start, end, isManual, gathered);
  request.report(ticket);
  return request;
}

const OPAQUE = "fetch returned an opaque response, whose status and bytes cannot be read";

// Chromium sends the range requests for one URL one after another if they go through its cache. With credentials browsers refuse a
// response that allows every origin (`*`). Servers need not know which page reads a file.
const INIT = { cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" };

/** A request that is under way. */
export class WebRequest {
  #ticket;
  #controller = new AbortController();
  /** What was responded, until it is reported: `[kind, status, headers, url, thrown]`. */
  #answer;
  #isOver = false;
  #reader;
  /** Whether the reader is the runtime's own. */
  #isRuntimes = false;
  /** Whether no one else has the arrays of the pieces. */
  #ownsPieces = true;
  /** What there is to wait for before the next piece, so that other tasks of the thread run. */
  #next;
  /** The number of empty pieces in a row. */
  #empty = 0;

  /** How many bytes may be gathered, and have arrived. */
  #gathered;
  #length = 0;
  /** Pieces that have arrived and were not reported, and since when. */
  #held = [];
  #since = 0;

  /** Without `gathered` it is not the module that calls. */
  constructor(fetch, url, pairs, start, end, isManual, gathered) {
    this.#gathered = (runtime.gathers && gathered) || 0;
    this.#send(fetch, url, pairs, rangeOf(start, end), isManual, gathered === undefined);
  }

  /** From now on, what happens comes with this ticket. */
  report(ticket) {
    this.#ticket = ticket;
    this.#reportAnswer();
  }

  /** Reads the next piece of the body, and those that follow up to as many bytes as may be gathered. */
  async read() {
    let end = [END, 0];
    try {
      while (this.#reader) {
        // Bodies from memory would give their pieces all in one task.
        const later = this.#next?.();
        if (later) await later;
        this.#next = pause;
        const read = await this.#reader.read();
        if (this.#isOver) return;
        // A reader that gives nothing has not said that this is the end.
        if (this.#isRuntimes ? read === undefined : read.done) break;
        const piece = bytesOf(this.#isRuntimes ? read : read.value, this.#ownsPieces);
        // A body that has no bytes and no end would keep the thread for itself.
        if (piece.length === 0 && ++this.#empty === 1000) throw new TypeError("a body gave a thousand empty pieces in a row");
        if (piece.length === 0) continue;
        this.#empty = 0;
        this.#length += piece.length;
        if (this.#length > this.#gathered) {
          this.flush();
          return this.#report(PIECE, piece.length, undefined, piece);
        }
        this.#hold(piece);
      }
    } catch (thrown) {
      end = [FAILED, 0, undefined, thrown];
    }
    this.flush();
    this.#report(...end);
  }

  #hold(piece) {
    if (this.#held.push(piece) > 1) return;
    this.#since = performance.now();
    holding.add(this);
    sweeping ??= setTimeout(sweep, WAIT);
  }

  /** Reports what was gathered. */
  flush() {
    const held = this.#held;
    this.#held = [];
    holding.delete(this);
    for (const piece of held) this.#report(PIECE, piece.length, undefined, piece);
  }

  /** Reports what was gathered too long ago. */
  sweep(now) {
    if (now - this.#since >= WAIT) this.flush();
  }

  /** Stops it, if it has not ended by itself. An abort then would have no effect but create an exception with its stack. */
  cancel() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#held = [];
    holding.delete(this);
    discard(this.#reader);
    this.#controller.abort();
  }

  #report(kind, count, text, value) {
    if (this.#isOver) return;
    this.#isOver = kind === END;
    report(this.#ticket, kind, count, text, value);
  }

  #reportAnswer() {
    if (this.#ticket === undefined || !this.#answer) return;
    const [kind, status, headers, url, thrown] = this.#answer;
    this.#answer = undefined;
    this.#report(kind, status, headers && (this.#ownsPieces ? 1 : 0) + (this.#gathered > 0 ? 2 : 0) + url + linesOf(headers), thrown);
  }

  async #send(fetch, url, pairs, range, isManual, isAtOnce) {
    try {
      // Not from within the module: with its frames on the stack, `fetch` takes more. 0.96 of the CPU of the page's thread without
      // (`npm run bench -- cost`, 64 KiB).
      if (!isAtOnce) await undefined;
      if (this.#isOver) return;
      const init = { ...INIT, headers: fetch ? new Headers(range) : range, signal: this.#controller.signal };
      // A token would go to wherever the redirect leads. With "manual" the redirect is returned, or an opaque response; workerd does
      // not support "error".
      if (isManual) init.redirect = "manual";
      const response = await (pairs?.length > 0 ? sendHome(fetch, url, init, pairs) : fetch ? fetch(url, init) : globalThis.fetch(url, init));
      // Each field is read once: a getter of the user's may throw, and give another value each time.
      const { status, headers, body } = response ?? {};
      if (status === 0) throw new TypeError(OPAQUE);
      if (!(status > 0 && status < 1000 && Number.isInteger(status)) || typeof headers?.get !== "function") throw new TypeError("fetch must return a Response");
      this.#open(fetch ? undefined : response, body, headers);
      this.#answer = [HEAD, status, headers, redirectOf(response)];
    } catch (thrown) {
      this.#answer = [FAILED, 0, undefined, "", thrown];
    }
    this.#reportAnswer();
  }

  /** Makes a reader of the body. `response`: unless the user's `fetch` returned it, which may have given the pieces to others too. */
  #open(response, body, headers) {
    if (body === null || body === undefined) return;
    const reader = bodyReader(body, () => lengthOf(headers));
    this.#isRuntimes = reader !== undefined;
    const received = response !== undefined && isReceived(response, body);
    if (received) begin();
    // Of what a script made, the first piece may be all of it.
    else this.#next = turn;
    this.#ownsPieces = this.#isRuntimes || received || isByteStream(body);
    this.#reader = reader ?? body.getReader();
    if (!this.#reader) throw new TypeError("the body of a response must be a stream");
  }
}

/** Ends a body that is not read on. It may have failed before, with the abort; what a user's reader does then changes nothing. */
function discard(reader) {
  try {
    Promise.resolve(reader?.cancel?.()).catch(() => {});
  } catch {
    // The user's reader threw.
  }
}

/** Milliseconds that a piece may wait for those that follow. The reader has not come to it. */
const WAIT = 50;

/** Requests with pieces that wait. */
const holding = new Set();

/** One timer for all: most bodies are complete before it fires. */
let sweeping;

function sweep() {
  const now = performance.now();
  for (const request of holding) request.sweep(now);
  sweeping = holding.size > 0 ? setTimeout(sweep, WAIT) : undefined;
}

// The last byte is part of the range.
const rangeOf = (start, end) => (start < 0 ? [] : [["range", `bytes=${start}-${end === Infinity ? "" : Math.max(end, 1) - 1}`]]);

/** What a response says how long its body is. It is a hint only: of an encoded body it may be the encoded length. */
function lengthOf(headers) {
  const length = field(headers, "content-length");
  return typeof length === "string" && /^\d+$/.test(length) ? Number(length) : undefined;
}

function field(headers, name) {
  try {
    return headers.get(name);
  } catch {
    return undefined;
  }
}

/** A line for each header field that the core reads, `name:value`. Before them comes where a redirect led, if one was followed. */
function linesOf(headers) {
  let text = "";
  for (const name of fields) {
    const value = field(headers, name);
    // A Response has no line breaks in a value; what a user's `fetch` returns may have.
    if (typeof value === "string" && !value.includes("\n")) text += `\n${name}:${value}`;
  }
  return text;
}

function redirectOf(response) {
  try {
    const url = redirectTarget(response) ?? "";
    return url.includes("\n") ? "" : url;
  } catch {
    return "";
  }
}

/**
 * The bytes of a piece. A user's `fetch` may return any kind of buffer, whose fields may say anything. Unless no one else has the array it
 * is copied: it could change, or lose its memory, after it was counted and verified.
 */
function bytesOf(piece, isOwn) {
  if (isOwn && piece instanceof Uint8Array) return piece;
  // These constructors look at the memory of a view, not at its fields.
  if (piece instanceof ArrayBuffer) return new Uint8Array(piece).slice();
  if (!ArrayBuffer.isView(piece)) throw new TypeError("the pieces of a body must be bytes");
  return new Uint8Array(piece instanceof Uint8Array ? piece : new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
}
