// Two runs of one file, side by side.
import { element } from "./dom.js";
import { formatTime } from "./format.js";

/** The widths that are compared: no look-ahead, what SeaweedFS's own filer uses, and what turns out to be right. */
export const WIDTHS = [1, 4, "auto"];

/** "width 4" or "auto width". */
export const nameOf = (width) => (width === "auto" ? "auto width" : `width ${width}`);

/** What came out: `times` in milliseconds, one a width. */
export function comparison(times, hint) {
  const longest = Math.max(...times);
  const rows = WIDTHS.map((width, index) => element("div", { className: "compared" },
    element("span", {}, nameOf(width)), bar(times[index] / longest), element("b", {}, formatTime(times[index]))));
  const ratio = (index) => (times[0] / times[index]).toFixed(2);
  return [element("h3", {}, `Width 4 was ${ratio(1)} times as fast as width 1, auto ${ratio(2)} times`), ...rows, ...(hint ? [element("p", { className: "muted small" }, hint)] : [])];
}

function bar(share) {
  const filled = element("i", { className: "done" });
  filled.style.width = `${share * 100}%`;
  return element("div", { className: "bar" }, filled);
}
