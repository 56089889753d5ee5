// Tables in Markdown.

export function table(head, rows) {
  for (const row of [head, head.map(() => "---"), ...rows]) console.log(`| ${row.join(" | ")} |`);
  console.log();
}

/** A ratio with its quartiles: "1.23x (1.20-1.25)". */
export const ratio = ({ mid, low, high }, unit = "x") => `${digits(mid)}${unit} (${digits(low)}-${digits(high)})`;

/** Milliseconds, or another unit, with their quartiles. */
export const amount = ({ mid, low, high }, unit = "ms") => `${short(mid)} ${unit} (${short(low)}-${short(high)})`;

/** A figure with its goal: the median decides. */
export const atLeast = (goal, { mid }) => `>= ${goal}: ${mid >= goal ? "reached" : "missed"}`;
export const atMost = (goal, { mid }) => `<= ${goal}: ${mid <= goal ? "reached" : "missed"}`;

const digits = (value) => value.toFixed(value < 10 ? 2 : 1);
const short = (value) => value.toFixed(value < 10 ? 1 : 0);
