// What a waterfall shows, in words: for a line under it, and for those who do not see it.
import { formatBytes, formatCount, formatTime } from "./format.js";
import { carrierOf, stateOf } from "./timeline.js";

/** "View 3, chunk 4,5be61b9565 from 127.0.0.1:8080: first byte after 21 ms, body in 2 ms, held for 12 ms, delivered" */
export function tellRow(row, index) {
  if (!row) return `View ${index}: ahead of the window`;
  if (row.gap) return `Gap ${index}: ${formatBytes(row.delivered)} of zeros`;
  const host = carrierOf(row)?.host;
  const origin = [row.chunk ? `chunk ${row.chunk}` : "", host ? `from ${host}` : ""].filter(Boolean).join(" ");
  const words = [...tellAttempts(row), ...tellHolding(row), STATES[stateOf(row)] ?? stateOf(row)];
  return `View ${index}, ${origin || "inline"}: ${words.join(", ")}`;
}

/** How a stream went, in one sentence. */
export function tellTimeline({ rows, hosts, hedges, now, startedAt = 0 }) {
  const delivered = rows.filter((row) => stateOf(row) === "delivered").length;
  const from = `from ${formatCount(hosts.size, "host")}, in ${formatTime(now - startedAt)}`;
  return `${formatCount(rows.length, "row")}, ${delivered.toLocaleString("en")} delivered, ${from}${hedges.length > 0 ? `, with ${formatCount(hedges.length, "hedge")}` : ""}.`;
}

/** How the width was found, and what each host gave, for those who do not see the charts. */
export function tellControl({ widths, hosts, flights }) {
  const most = flights.reduce((top, { count }) => Math.max(top, count), 0);
  return `Width ${tellWidths(widths)}; at most ${formatCount(most, "request")} under way. ${[...hosts].map(tellHost).join("; ")}.`;
}

/** "1 to 12, last 9" */
export function tellWidths(widths) {
  if (widths.length === 0) return "unknown";
  const all = widths.map(({ width }) => width);
  const [least, most] = all.reduce(([low, high], width) => [Math.min(low, width), Math.max(high, width)], [Infinity, 0]);
  return least === most ? `${most}` : `${least} to ${most}, last ${all.at(-1)}`;
}

const tellHost = ([name, { letter, requests, bytes, hedges, failures }]) =>
  [`${letter}, ${name || "unknown"}: ${formatCount(requests, "request")}, ${formatBytes(bytes)}`,
    ...(hedges.length > 0 ? [formatCount(hedges.length, "hedge")] : []), ...(failures.length > 0 ? [formatCount(failures.length, "failure")] : [])].join(", ");

function tellAttempts(row) {
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

function tellHolding({ decodedAt, deliveredAt, ...row }) {
  const from = decodedAt ?? carrierOf(row)?.lastAt;
  return from === undefined || deliveredAt === undefined || deliveredAt < from ? [] : [`held for ${formatTime(deliveredAt - from)}`];
}

const STATES = { waiting: "waiting for headers", arriving: "body arriving" };
