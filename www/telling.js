// What a waterfall shows, in words: for a line under it, and for those who do not see it.
import { formatBytes, formatCount, formatTime } from "./format.js";
import { stateOf } from "./timeline.js";

/** "View 3, chunk 4,5be61b9565 from 127.0.0.1:8080: first byte after 21 ms, body in 2 ms, held for 12 ms, delivered" */
export function tellRow(row, index) {
  if (!row) return `View ${index}: ahead of the window`;
  if (row.gap) return `Gap ${index}: ${formatBytes(row.delivered)} of zeros`;
  const host = row.attempts.at(-1)?.host;
  const origin = [row.chunk ? `chunk ${row.chunk}` : "", host ? `from ${host}` : ""].filter(Boolean).join(" ");
  const words = [...tellAttempts(row.attempts), ...tellHolding(row), STATES[stateOf(row)] ?? stateOf(row)];
  return `View ${index}, ${origin || "inline"}: ${words.join(", ")}`;
}

/** How a stream went, in one sentence. */
export function tellTimeline({ rows, hosts, now, startedAt = 0 }) {
  const delivered = rows.filter((row) => stateOf(row) === "delivered").length;
  const from = `from ${formatCount(hosts.size, "host")}, in ${formatTime(now - startedAt)}`;
  return `${formatCount(rows.length, "row")}, ${delivered.toLocaleString("en")} delivered, ${from}.`;
}

function tellAttempts(attempts) {
  const { at, firstAt, lastAt } = attempts.at(-1) ?? {};
  const failed = attempts.filter(({ failedAt }) => failedAt !== undefined);
  return [
    ...failed.map(({ host, reason }) => `failed at ${host}${reason ? ` (${reason})` : ""}`),
    ...(firstAt === undefined ? [] : [`first byte after ${formatTime(firstAt - at)}`]),
    ...(lastAt === undefined ? [] : [`body in ${formatTime(lastAt - firstAt)}`]),
  ];
}

function tellHolding({ decodedAt, deliveredAt, attempts }) {
  const from = decodedAt ?? attempts.at(-1)?.lastAt;
  return from === undefined || deliveredAt === undefined || deliveredAt < from ? [] : [`held for ${formatTime(deliveredAt - from)}`];
}

const STATES = { waiting: "waiting for headers", arriving: "body arriving" };
