// Several runs of one file, side by side.
import { element } from "./dom.js";
import { formatTime } from "./format.js";

/** What is compared: no look-ahead, what SeaweedFS's own filer uses, and what "auto" finds. */
export const CONCURRENCIES = [1, 4, "auto"];

/** "concurrency 4" or "automatic concurrency". */
export const nameOf = (concurrency) => (concurrency === "auto" ? "automatic concurrency" : `concurrency ${concurrency}`);

/** The result as elements: `times` in milliseconds, one for each of CONCURRENCIES. */
export function comparison(times, hint) {
  const longest = Math.max(...times);
  const rows = CONCURRENCIES.map((concurrency, index) => element("div", { className: "compared" },
    element("span", {}, nameOf(concurrency)), bar(times[index] / longest), element("b", {}, formatTime(times[index]))));
  const ratio = (index) => (times[0] / times[index]).toFixed(2);
  return [element("h3", {}, `Concurrency 4 was ${ratio(1)} times as fast as concurrency 1, auto ${ratio(2)} times`), ...rows, ...(hint ? [element("p", { className: "muted small" }, hint)] : [])];
}

function bar(share) {
  const filled = element("i", { className: "done" });
  filled.style.width = `${share * 100}%`;
  return element("div", { className: "bar" }, filled);
}
