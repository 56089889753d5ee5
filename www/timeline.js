// What happened to each view of a stream, gathered from its events. Knows nothing of the page.

/**
 * @typedef {object} Attempt one request
 * @property {string} host
 * @property {number} at when it left; times are milliseconds since the file was opened
 * @property {number} expected bytes of its body
 * @property {number} received
 * @property {number} [headersAt] @property {number} [firstAt] @property {number} [lastAt]
 * @property {number} [failedAt] @property {string} [reason]
 *
 * @typedef {object} Row one view, or one gap
 * @property {number} index @property {string} [chunk]
 * @property {number} [queuedAt] @property {Attempt[]} attempts
 * @property {number} [decodedAt] @property {number} [deliveredAt] when its last bytes left
 * @property {number} delivered bytes @property {boolean} gap
 */

/** The history of one stream. */
export class Timeline {
  /** @type {(Row | undefined)[]} */
  rows = [];
  /** Host to { letter, colour: its number, requests, bytes }. */
  hosts = new Map();
  /** The time of the first event, of the latest one, and of the end. */
  startedAt; latestAt; endedAt;
  /** The highest row that has begun. */
  front = 0;
  #clock;
  /** What the clock says when the file is opened. */
  #offset;

  /** @param {number} steps views and gaps in the plan */
  constructor(steps, clock = () => performance.now()) {
    this.rows.length = steps;
    this.#clock = clock;
  }

  /** @param {import("../src/web/front/index.d.ts").StreamEvent} event */
  add(event) {
    this.startedAt ??= event.at;
    this.latestAt = event.at;
    this.#offset ??= this.#clock() - event.at;
    if (event.kind === "end") this.endedAt = event.at;
    if (event.index !== undefined) CHANGES[event.kind]?.(this.#row(event.index), event, this);
  }

  /** Marks the view that a failure is about: of bytes that have left already, no event says that they were wrong. */
  blame(chunk, reason) {
    const row = this.rows.findLast((each) => each?.chunk === chunk && each.attempts.length > 0);
    if (row) fail(row, { at: this.latestAt, reason });
  }

  /** Draws a line under what no end was told of: a cancelled stream. */
  stop() {
    this.endedAt ??= this.#offset === undefined ? 0 : this.#clock() - this.#offset;
  }

  /** The time now, or that of the end. */
  get now() {
    return this.endedAt ?? (this.#offset === undefined ? 0 : this.#clock() - this.#offset);
  }

  host(name) {
    if (!this.hosts.has(name)) {
      const number = this.hosts.size;
      this.hosts.set(name, { letter: String.fromCharCode(65 + (number % 26)), colour: number % 6, requests: 0, bytes: 0 });
    }
    return this.hosts.get(name);
  }

  #row(index) {
    this.front = Math.max(this.front, index);
    return (this.rows[index] ??= { index, attempts: [], delivered: 0, gap: false });
  }
}

const CHANGES = {
  queue(row, { at, chunk }) {
    row.queuedAt ??= at;
    row.chunk ??= chunk;
  },
  request(row, { at, host = "", bytes = 0, chunk }, timeline) {
    row.chunk ??= chunk;
    row.attempts.push({ host, at, expected: bytes, received: 0 });
    timeline.host(host).requests++;
  },
  headers: (row, { at, status }) => Object.assign(latest(row), { headersAt: at, status }),
  "first-byte": (row, { at }) => Object.assign(latest(row), { firstAt: at }),
  body(row, { at, host = "", bytes = 0 }, timeline) {
    const attempt = latest(row);
    attempt.firstAt ??= at;
    attempt.lastAt = at;
    attempt.received += bytes;
    timeline.host(host).bytes += bytes;
  },
  decoded(row, { at }) {
    row.decodedAt = at;
  },
  delivered(row, { at, bytes = 0 }) {
    row.deliveredAt = at;
    row.delivered += bytes;
  },
  hole(row, { at }) {
    row.gap = true;
    row.queuedAt ??= at;
  },
  wait: fail,
  relookup: fail,
  retry: fail,
  failover: fail,
};

function fail(row, { at, reason }) {
  const attempt = latest(row);
  attempt.failedAt ??= at;
  attempt.reason ??= reason;
}

// An event of a view that no request was told of is kept harmlessly.
const latest = (row) => row.attempts.at(-1) ?? {};

/** Whether all of an attempt's body is here. */
export const isComplete = ({ lastAt, received, expected, failedAt }) => lastAt !== undefined && failedAt === undefined && received >= expected;

/** What a row is doing: "ahead", "queued", "waiting", "arriving", "held", "delivered". */
export function stateOf(row) {
  if (!row) return "ahead";
  if (row.deliveredAt !== undefined) return "delivered";
  const attempt = row.attempts.at(-1);
  if (!attempt || attempt.failedAt !== undefined) return "queued";
  if (row.decodedAt !== undefined || isComplete(attempt)) return "held";
  return attempt.firstAt === undefined ? "waiting" : "arriving";
}
