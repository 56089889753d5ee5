// What happened to each view of a stream, gathered from its events. Knows nothing of the page.

/**
 * @typedef {object} Attempt one request
 * @property {string} host
 * @property {number} at when it left; times are milliseconds since the file was opened
 * @property {number} expected bytes of its body
 * @property {number} received
 * @property {number} [headersAt] @property {number} [firstAt] @property {number} [lastAt]
 * @property {number} [failedAt] @property {string} [reason]
 * @property {boolean} isHedge whether it was sent because another one was late
 * @property {number} [lostAt] when another one had won
 *
 * @typedef {object} Row one view, or one gap
 * @property {number} index @property {string} [chunk]
 * @property {number} [queuedAt] @property {Attempt[]} attempts
 * @property {number} [decodedAt] @property {number} [deliveredAt] when its last bytes left
 * @property {number} delivered bytes @property {boolean} gap
 */

/** How finely rates are kept, in milliseconds. */
export const TICK = 20;

/** The letter and the number of the colour of a host. */
export const letterOf = (number) => ({ letter: String.fromCharCode(65 + (number % 26)), colour: number % 6 });

/** The history of one stream. */
export class Timeline {
  /** @type {(Row | undefined)[]} */
  rows = [];
  /** Host to { letter, colour: its number, requests, bytes, hedges, failures: times, ticks: bytes in each TICK since the file was opened }. */
  hosts = new Map();
  /** The widths as they were found, [{ at, width }], and how many requests were under way, [{ at, count }]. */
  widths = []; flights = [];
  /** When another replica was asked for what was late. */
  hedges = [];
  /** The time of the first event, of the latest one, and of the end. */
  startedAt; latestAt; endedAt;
  /** The highest row that has begun. */
  front = 0;
  #clock;
  /** What the clock says when the file is opened. */
  #offset;
  #known; #underWay = 0;

  /**
   * @param {number} steps views and gaps in the plan
   * @param {() => number} [clock]
   * @param {{ width?: number, hosts?: string[] }} [known] a width that stays, and hosts whose letters are given away already
   */
  constructor(steps, clock = () => performance.now(), { width, hosts = [] } = {}) {
    this.rows.length = steps;
    this.#clock = clock;
    this.#known = [...hosts];
    if (width !== undefined) this.widths.push({ at: 0, width });
  }

  /** @param {import("../js/index.d.ts").StreamEvent} event */
  add(event) {
    this.startedAt ??= event.at;
    this.latestAt = event.at;
    this.#offset ??= this.#clock() - event.at;
    if (event.kind === "end") this.#end(event.at);
    if (event.kind === "width") this.widths.push({ at: event.at, width: event.width });
    if (event.index !== undefined) CHANGES[event.kind]?.(this.#row(event.index), event, this);
  }

  /** Marks the view that a failure is about: of bytes that have left already, no event says that they were wrong. */
  blame(chunk, reason) {
    const row = this.rows.findLast((each) => each?.chunk === chunk && each.attempts.length > 0);
    if (row) fail(row, { at: this.latestAt, reason }, this);
  }

  /** One request more, or one fewer. */
  count(at, change) {
    this.#underWay += change;
    this.flights.push({ at, count: this.#underWay });
  }

  /** Draws a line under what no end was told of: a cancelled stream. */
  stop() {
    if (this.endedAt === undefined) this.#end(this.now);
  }

  // What was under way is so no longer, and no event says it.
  #end(at) {
    this.endedAt = at;
    if (this.#underWay > 0) this.count(at, -this.#underWay);
  }

  /** The time now, or that of the end. */
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

// Where one is whole, those that ran against it have lost: nothing more is told of them.
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

// Two may be under way for one view: the host tells them apart. An event of a view that no request was told of is kept harmlessly.
const attemptAt = ({ attempts }, host) => attempts.findLast((each) => each.host === host) ?? attempts.at(-1) ?? {};

/** The attempt that brings a view, or brought it. */
export const carrierOf = ({ attempts }) => attempts.findLast(({ failedAt, lostAt }) => failedAt === undefined && lostAt === undefined) ?? attempts.at(-1);

/** Whether all of an attempt's body is here. */
export const isComplete = ({ lastAt, received, expected, failedAt }) => lastAt !== undefined && failedAt === undefined && received >= expected;

/** What a row is doing: "ahead", "queued", "waiting", "arriving", "held", "delivered". */
export function stateOf(row) {
  if (!row) return "ahead";
  if (row.deliveredAt !== undefined) return "delivered";
  const attempt = row.attempts.find(isComplete) ?? carrierOf(row);
  if (!attempt || attempt.failedAt !== undefined) return "queued";
  if (row.decodedAt !== undefined || isComplete(attempt)) return "held";
  return attempt.firstAt === undefined ? "waiting" : "arriving";
}
