// Formats numbers for people.

/** 2327031 -> "2.22 MiB". */
export function formatBytes(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const step = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length);
  return `${threeDigits(bytes / 1024 ** step)} ${UNITS[step - 1]}`;
}

/** Bytes per second. */
export const formatRate = (rate) => `${formatBytes(Math.round(rate))}/s`;

/** Milliseconds: 12 -> "12 ms", 1234 -> "1.23 s". */
export const formatTime = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${threeDigits(ms / 1000)} s`);

/** 1 -> "1 view", 2 -> "2 views". */
export const formatCount = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

const UNITS = ["KiB", "MiB", "GiB", "TiB"];

const threeDigits = (number) => number.toFixed(number < 10 ? 2 : number < 100 ? 1 : 0);
