// Describes a timeline in words: for the line under the waterfall, and for screen readers.
import { formatBytes, formatCount, formatTime } from "./format.js";
import { carrierOf, stateOf } from "./timeline.js";

/** "View 3, chunk 4,5be61b9565 from 127.0.0.1:8080: first byte after 21 ms, body in 2 ms, held for 12 ms, delivered" */
export function describeRow(row, index) {
  if (!row) return `View ${index}: ahead of the window`;
  if (row.gap) return `Gap ${index}: ${formatBytes(row.delivered)} of zeros`;
  const host = carrierOf(row)?.host;
  const origin = [row.chunk ? `chunk ${row.chunk}` : "", host ? `from ${host}` : ""].filter(Boolean).join(" ");
  const words = [...describeAttempts(row), ...describeHolding(row), STATES[stateOf(row)] ?? stateOf(row)];
  return `View ${index}, ${origin || "inline"}: ${words.join(", ")}`;
}

/** The whole stream in one sentence. */
export function describeTimeline({ rows, hosts, hedges, now, startedAt = 0 }) {
  const delivered = rows.filter((row) => stateOf(row) === "delivered").length;
  const from = `from ${formatCount(hosts.size, "host")}, in ${formatTime(now - startedAt)}`;
  return `${formatCount(rows.length, "row")}, ${delivered.toLocaleString("en")} delivered, ${from}${hedges.length > 0 ? `, with ${formatCount(hedges.length, "hedge")}` : ""}.`;
}

/** The charts in words: how the concurrency changed, and what each host sent. */
export function describeCharts({ limits, hosts, flights }) {
  const most = flights.reduce((top, { count }) => Math.max(top, count), 0);
  return `Concurrency ${describeLimits(limits)}; at most ${formatCount(most, "request")} in flight. ${[...hosts].map(describeHost).join("; ")}.`;
}

/** "1 to 12, last 9" */
export function describeLimits(limits) {
  if (limits.length === 0) return "unknown";
  const all = limits.map(({ limit }) => limit);
  const [least, most] = all.reduce(([low, high], limit) => [Math.min(low, limit), Math.max(high, limit)], [Infinity, 0]);
  return least === most ? `${most}` : `${least} to ${most}, last ${all.at(-1)}`;
}

const describeHost = ([name, { letter, requests, bytes, hedges, failures }]) =>
  [`${letter}, ${name || "unknown"}: ${formatCount(requests, "request")}, ${formatBytes(bytes)}`,
    ...(hedges.length > 0 ? [formatCount(hedges.length, "hedge")] : []), ...(failures.length > 0 ? [formatCount(failures.length, "failure")] : [])].join(", ");

function describeAttempts(row) {
  const { attempts } = row;
  const { at, firstAt, lastAt, isHedge } = carrierOf(row) ?? {};
  const lost = attempts.filter(({ lostAt }) => lostAt !== undefined);
  const failed = attempts.filter(({ failedAt }) => failedAt !== undefined);
  return [
    ...failed.map(({ host, reason }) => `failed at ${host}${reason ? ` (${reason})` : ""}`),
    ...(isHedge ? ["a hedge"] : []),
    ...lost.map(({ host }) => `faster than ${host}`),
    ...(firstAt === undefined ? [] : [`first byte after ${formatTime(firstAt - at)}`]),
    ...(lastAt === undefined ? [] : [`body in ${formatTime(lastAt - firstAt)}`]),
  ];
}

function describeHolding({ decodedAt, deliveredAt, ...row }) {
  const from = decodedAt ?? carrierOf(row)?.lastAt;
  return from === undefined || deliveredAt === undefined || deliveredAt < from ? [] : [`held for ${formatTime(deliveredAt - from)}`];
}

const STATES = { waiting: "waiting for headers", arriving: "body arriving" };
