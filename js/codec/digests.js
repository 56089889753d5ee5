// Digests of chunks in flight. MD5 is computed in lockstep: one step of the codec module digests some bytes of up to seven chunks in
// little more than the time of one.
//
// A piece is only registered when it arrives. It is digested when a step has room for it: a piece that leaves is digested first, and
// takes along the chunks with the largest backlog; so does a digest whose value a reader waits for; and whenever there is a chunk for
// each lane with a full step of bytes, these are digested at the end of the turn.
import { FAILED, VALUE, report } from "../ticket.js";
import { codecNow, discard } from "./module.js";
import { isSliceOver, later, pause } from "./turns.js";

/** The most bytes of a chunk that one step digests. They are copied next to each other first, while a copy is cheap: they fit the cache. */
const STEP = 64 << 10;

/** A chunk joins the step of another if it has this many bytes, or as many as the other. */
const RIDER = 8 << 10;

/** Bytes that are digested in the task in which a piece leaves: more would take longer than a slice. */
const AT_ONCE = 1 << 20;

/** The MD5 digests in use, oldest first. */
const open = new Set();

/** The memory for a step of a codec instance: a table of rows, and the bytes of each lane. */
const places = new WeakMap();

function placeOf(codec) {
  let place = places.get(codec);
  if (!place) {
    const lanes = codec.lanes();
    place = { lanes, table: codec.alloc(lanes * 12), bytes: codec.alloc(lanes * STEP) };
    if (!place.table || !place.bytes) throw new RangeError("out of memory");
    places.set(codec, place);
  }
  return place;
}

/** A digest of no bytes yet. The codec module must be there. */
export function digest(isCrc32c) {
  return isCrc32c ? new Crc32c() : new Md5();
}

/** The bytes, which end at `end` of the digest, once they are digested: they leave. A promise of them if that takes more than a slice. */
export function leave(digest, end, bytes) {
  // A digest that fails here has no value later.
  try {
    return digest.reach(end)?.then(() => bytes, () => bytes) ?? bytes;
  } catch {
    return bytes;
  }
}

/** Reports the value of a digest: a number, or a text of the bytes. */
export function reportValue(digest, ticket) {
  const done = (value) => {
    if (value === undefined) report(ticket, FAILED, 0);
    else if (typeof value === "number") report(ticket, VALUE, value);
    else report(ticket, VALUE, 0, String.fromCharCode(...value));
  };
  try {
    digest.value(done);
  } catch {
    done();
  }
}

/** The MD5 of one chunk. */
export class Md5 {
  #codec = codecNow();
  /** In the module; 0 if it is free or of no use. */
  #state = this.#codec.md5_new();
  /** Pieces that are not digested to their end, and how much of the first one is. */
  #pieces = [];
  #from = 0;
  /** How many bytes are registered, and digested. */
  #length = 0;
  #digested = 0;
  /** Gets the value that was asked for. */
  #done;

  constructor() {
    if (this.#state === 0) throw new RangeError("out of memory");
    open.add(this);
  }

  /** How many bytes wait. */
  get backlog() {
    return this.#length - this.#digested;
  }

  get isAwaited() {
    return this.#done !== undefined;
  }

  get codec() {
    return this.#codec;
  }

  /** Registers the next bytes. Returns their end: `reach` must be called with it before they leave. */
  update(bytes) {
    if (bytes.length > 0 && this.#state) {
      this.#pieces.push({ bytes, length: bytes.length });
      this.#length += bytes.length;
      if (this.backlog >= STEP && !workLater()) while (fullStep());
    }
    return this.#length;
  }

  /** Digests the bytes up to `end`, since they leave. Returns a promise if that takes more than a slice. */
  reach(end) {
    if (end - this.#digested > AT_ONCE) return this.#reachSlowly(end);
    while (this.#digested < end && this.#state) this.#lead(end);
    return undefined;
  }

  async #reachSlowly(end) {
    while (this.#digested < end && this.#state) {
      this.#lead(end);
      await pause();
    }
  }

  /** One step for this chunk, with riders. */
  #lead(end) {
    const need = Math.min(STEP, end - this.#digested);
    const riders = withBacklog(this.#codec, Math.min(need, RIDER)).filter((each) => each !== this);
    step(this.#codec, [this, ...riders].slice(0, this.#codec.lanes()), need);
  }

  /**
   * Calls `done` with the digest of all that was registered, now or later; with undefined if it is of no use any more. More may be
   * registered after that.
   */
  value(done) {
    this.#done = done;
    if (this.backlog > 0 && this.#state) {
      if (workLater()) return bePatient();
      const slow = this.reach(this.#length);
      if (slow) return void slow.then(() => this.#settle());
    }
    this.#settle();
  }

  /** For a digest whose value is asked for: its next step. */
  advance() {
    this.#lead(this.#length);
    if (this.backlog === 0) this.#settle();
  }

  #settle() {
    const done = this.#done;
    this.#done = undefined;
    done?.(this.#read());
  }

  #read() {
    if (!this.#state) return undefined;
    const codec = this.#codec;
    const { bytes: at } = placeOf(codec);
    codec.md5_finish(this.#state, at);
    return codec.bytes.slice(at, at + 16);
  }

  /** Copies at most `most` of the next bytes to `at`. Returns the state in the module, and the number of bytes. */
  take(at, most) {
    const memory = this.#codec.bytes;
    const count = Math.min(most, this.backlog);
    let rest = count;
    while (rest > 0) {
      const { bytes, length } = this.#pieces[0];
      const now = Math.min(rest, length - this.#from);
      // An array that its owner has detached meanwhile is empty: the digest becomes wrong, as if its bytes had changed.
      if (bytes.length === length) memory.set(now === length ? bytes : bytes.subarray(this.#from, this.#from + now), at);
      at += now;
      rest -= now;
      this.#from += now;
      if (this.#from < length) break;
      this.#pieces.shift();
      this.#from = 0;
    }
    this.#digested += count;
    return [this.#state, count];
  }

  /** The instance has trapped. */
  fail() {
    this.#state = 0;
    this.free();
    this.#settle();
  }

  /** Frees its memory. Pieces that are not digested yet need not be. */
  free() {
    if (this.#state) this.#codec.md5_free(this.#state);
    this.#state = 0;
    this.#pieces = [];
    this.#digested = this.#length;
    open.delete(this);
  }
}

/** The CRC-32C of one chunk, computed as pieces arrive: it costs less than a copy of the bytes into new memory. */
class Crc32c {
  #codec = codecNow();
  #crc = 0;

  update(bytes) {
    const { bytes: at } = placeOf(this.#codec);
    for (let from = 0; from < bytes.length; from += STEP) {
      const part = bytes.subarray(from, from + STEP);
      this.#codec.bytes.set(part, at);
      this.#crc = this.#codec.crc32c(this.#crc, at, part.length);
    }
    return 0;
  }

  reach() {}

  value(done) {
    done(this.#crc >>> 0);
  }

  free() {}
}

/** The chunks that have at least `least` bytes, the largest backlog first. */
function withBacklog(codec, least) {
  return [...open].filter((each) => each.codec === codec && each.backlog >= least).sort((a, b) => b.backlog - a.backlog);
}

/** Digests at most `most` bytes of each of these chunks. */
function step(codec, digests, most) {
  try {
    const { table, bytes } = placeOf(codec);
    const rows = digests.map((each, lane) => {
      const at = bytes + lane * STEP;
      const [state, count] = each.take(at, most);
      return [state, at, count];
    });
    new Uint32Array(codec.bytes.buffer, table, rows.length * 3).set(rows.flat());
    codec.md5_update(table, rows.length);
  } catch {
    // A trap: nothing in that memory can be trusted.
    discard(codec);
    for (const each of [...open]) if (each.codec === codec) each.fail();
  }
}

let isWorkDue = false;

/** Works at the end of this turn, so that what else arrives in it comes along. Returns whether there is a later turn. */
function workLater() {
  isWorkDue ||= later(work);
  return isWorkDue;
}

function work() {
  isWorkDue = false;
  while ((isHurried && advanceOne()) || fullStep()) if (isSliceOver()) return void workLater();
  isHurried = false;
}

/** Whether the values that are asked for are computed now. */
let isHurried = false;

/**
 * A reader waits for a value. Until one does, a value that is asked for waits for the bytes of other chunks: when its reader comes to
 * it, most of it has been digested along with theirs.
 */
export function hurry() {
  if (open.size === 0) return;
  isHurried = true;
  workLater();
}

/** Milliseconds that a value waits at most, whether or not a reader does. */
const PATIENCE = 20;

let patience;

function bePatient() {
  if (patience !== undefined) return;
  patience = setTimeout(() => {
    patience = undefined;
    hurry();
  }, PATIENCE);
}

/** A step of the oldest digest whose value is asked for. */
function advanceOne() {
  for (const each of open) {
    if (!each.isAwaited) continue;
    each.advance();
    return true;
  }
  return false;
}

/** A step of as many chunks as there are lanes, if they have a full one. */
function fullStep() {
  const codec = codecNow();
  const lanes = codec.lanes();
  const full = withBacklog(codec, STEP).slice(0, lanes);
  if (full.length < lanes) return false;
  step(codec, full, STEP);
  return true;
}

/** A copy of `bytes` without the key stream of AES-256-CTR, which starts at byte `at` of the chunk. */
export function applyCtr(bytes, key, iv, at) {
  const codec = codecNow();
  const { bytes: place } = placeOf(codec);
  const plain = new Uint8Array(bytes.length);
  codec.withSecret(key, (keyAt) => codec.withSecret(iv, (ivAt) => {
    for (let from = 0; from < bytes.length; from += STEP) {
      const part = bytes.subarray(from, from + STEP);
      codec.bytes.set(part, place);
      codec.ctr(keyAt, ivAt, at + from, place, part.length);
      plain.set(codec.bytes.subarray(place, place + part.length), from);
    }
  }));
  key.fill(0);
  return plain;
}
