// What happened to each view of a stream, collected from its events. Independent of the page.

/**
 * @typedef {object} Attempt one request
 * @property {string} host
 * @property {number} at when it was sent; times are milliseconds since the file was opened
 * @property {number} expected bytes of its body
 * @property {number} received
 * @property {number} [headersAt] @property {number} [firstAt] @property {number} [lastAt]
 * @property {number} [failedAt] @property {string} [reason]
 * @property {boolean} isHedge whether it was sent because another attempt was late
 * @property {number} [lostAt] when another attempt had delivered the view
 *
 * @typedef {object} Row one view, or one gap
 * @property {number} index @property {string} [chunk]
 * @property {number} [queuedAt] @property {Attempt[]} attempts
 * @property {number} [decodedAt] @property {number} [deliveredAt] when its last bytes were delivered
 * @property {number} delivered bytes @property {boolean} gap
 */

/** The resolution of rates, in milliseconds. */
export const TICK = 20;

/** The letter and the colour number of a host. */
export const letterOf = (number) => ({ letter: String.fromCharCode(65 + (number % 26)), colour: number % 6 });

/** The history of one stream. */
export class Timeline {
  /** @type {(Row | undefined)[]} */
  rows = [];
  /** Host to { letter, colour: its number, requests, bytes, hedges, failures: times, ticks: bytes in each TICK since the file was opened }. */
  hosts = new Map();
  /** The concurrency over time, [{ at, limit }], and the requests in flight, [{ at, count }]. */
  limits = []; flights = [];
  /** When hedges were sent. */
  hedges = [];
  /** The times of the first event, of the latest one, and of the end. */
  startedAt; latestAt; endedAt;
  /** The highest row that has an event. */
  front = 0;
  #clock;
  /** The clock's time when the file was opened. */
  #offset;
  #known; #inFlight = 0;

  /**
   * @param {number} steps views and gaps in the plan
   * @param {() => number} [clock]
   * @param {{ concurrency?: number, hosts?: string[] }} [known] a fixed concurrency, and hosts that already have letters
   */
  constructor(steps, clock = () => performance.now(), { concurrency, hosts = [] } = {}) {
    this.rows.length = steps;
    this.#clock = clock;
    this.#known = [...hosts];
    if (concurrency !== undefined) this.limits.push({ at: 0, limit: concurrency });
  }

  /** @param {import("../js/index.d.ts").StreamEvent} event */
  add(event) {
    this.startedAt ??= event.at;
    this.latestAt = event.at;
    this.#offset ??= this.#clock() - event.at;
    if (event.kind === "end") this.#end(event.at);
    if (event.kind === "width") this.limits.push({ at: event.at, limit: event.width });
    if (event.index !== undefined) CHANGES[event.kind]?.(this.#row(event.index), event, this);
  }

  /** Marks the view that failed. No event reports a digest that fails after its bytes were delivered. */
  blame(chunk, reason) {
    const row = this.rows.findLast((each) => each?.chunk === chunk && each.attempts.length > 0);
    if (row) fail(row, { at: this.latestAt, reason }, this);
  }

  /** Counts a request that was sent (1) or has ended (-1). */
  count(at, change) {
    this.#inFlight += change;
    this.flights.push({ at, count: this.#inFlight });
  }

  /** Ends a stream that has no `end` event, because it was cancelled. */
  stop() {
    if (this.endedAt === undefined) this.#end(this.now);
  }

  // Requests in flight have ended, without an event.
  #end(at) {
    this.endedAt = at;
    if (this.#inFlight > 0) this.count(at, -this.#inFlight);
  }

  /** The time of the end, or the current time. */
  get now() {
    return this.endedAt ?? (this.#offset === undefined ? 0 : this.#clock() - this.#offset);
  }

  host(name) {
    if (!this.hosts.has(name)) {
      if (!this.#known.includes(name)) this.#known.push(name);
      this.hosts.set(name, { ...letterOf(this.#known.indexOf(name)), requests: 0, bytes: 0, hedges: [], failures: [], ticks: [] });
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
  hedge(row, { at, host = "" }, timeline) {
    row.hedged = host;
    timeline.hedges.push(at);
    timeline.host(host).hedges.push(at);
  },
  request(row, { at, host = "", bytes = 0, chunk }, timeline) {
    row.chunk ??= chunk;
    row.attempts.push({ host, at, expected: bytes, received: 0, isHedge: row.hedged === host });
    row.hedged = undefined;
    timeline.host(host).requests++;
    timeline.count(at, 1);
  },
  headers: (row, { at, host, status }) => Object.assign(attemptAt(row, host), { headersAt: at, status }),
  "first-byte": (row, { at, host }) => Object.assign(attemptAt(row, host), { firstAt: at }),
  body(row, { at, host = "", bytes = 0 }, timeline) {
    const attempt = attemptAt(row, host);
    attempt.firstAt ??= at;
    attempt.lastAt = at;
    attempt.received += bytes;
    addBytes(timeline.host(host), at, bytes);
    if (isComplete(attempt)) end(attempt, at, timeline);
  },
  decoded(row, { at }, timeline) {
    row.decodedAt = at;
    settle(row, at, timeline);
  },
  delivered(row, { at, bytes = 0 }, timeline) {
    row.deliveredAt = at;
    row.delivered += bytes;
    if (row.attempts.some(isComplete)) settle(row, at, timeline);
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

function fail(row, { at, host, reason }, timeline) {
  const attempt = attemptAt(row, host);
  if (attempt.failedAt === undefined && attempt.host !== undefined) timeline.host(attempt.host).failures.push(at);
  attempt.failedAt ??= at;
  attempt.reason ??= reason;
  end(attempt, at, timeline);
}

// Once one attempt is complete, concurrent ones have lost: they get no further events.
function settle(row, at, timeline) {
  const winner = row.attempts.findLast(isComplete) ?? carrierOf(row);
  for (const attempt of row.attempts) {
    if (attempt !== winner && attempt.failedAt === undefined) attempt.lostAt ??= at;
    end(attempt, at, timeline);
  }
}

function end(attempt, at, timeline) {
  if (attempt.isOver || attempt.host === undefined) return;
  attempt.isOver = true;
  timeline.count(at, -1);
}

function addBytes(host, at, bytes) {
  const tick = Math.floor(at / TICK);
  host.bytes += bytes;
  host.ticks[tick] = (host.ticks[tick] ?? 0) + bytes;
}

// A view may have two attempts in flight; the host distinguishes them. An event without a request goes into a throwaway object.
const attemptAt = ({ attempts }, host) => attempts.findLast((each) => each.host === host) ?? attempts.at(-1) ?? {};

/** The attempt that delivers a view, or delivered it. */
export const carrierOf = ({ attempts }) => attempts.findLast(({ failedAt, lostAt }) => failedAt === undefined && lostAt === undefined) ?? attempts.at(-1);

/** Whether the whole body of an attempt has arrived. */
export const isComplete = ({ lastAt, received, expected, failedAt }) => lastAt !== undefined && failedAt === undefined && received >= expected;

/** The state of a row: "ahead", "queued", "waiting", "arriving", "held", "delivered". */
export function stateOf(row) {
  if (!row) return "ahead";
  if (row.deliveredAt !== undefined) return "delivered";
  const attempt = row.attempts.find(isComplete) ?? carrierOf(row);
  if (!attempt || attempt.failedAt !== undefined) return "queued";
  if (row.decodedAt !== undefined || isComplete(attempt)) return "held";
  return attempt.firstAt === undefined ? "waiting" : "arriving";
}
