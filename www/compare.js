// Two runs of one file, side by side.
import { element } from "./dom.js";
import { formatTime } from "./format.js";

/** The widths that are compared: no look-ahead, and what SeaweedFS's own filer uses. */
export const WIDTHS = [1, 4];

/** What came out: `times` in milliseconds, one a width. */
export function comparison(times, hint) {
  const longest = Math.max(...times);
  const rows = WIDTHS.map((width, index) => element("div", { className: "compared" },
    element("span", {}, `width ${width}`), bar(times[index] / longest), element("b", {}, formatTime(times[index]))));
  const ratio = (times[0] / times[1]).toFixed(2);
  return [element("h3", {}, `Width ${WIDTHS[1]} was ${ratio} times as fast as width ${WIDTHS[0]}`), ...rows, ...(hint ? [element("p", { className: "muted small" }, hint)] : [])];
}

function bar(share) {
  const filled = element("i", { className: "done" });
  filled.style.width = `${share * 100}%`;
  return element("div", { className: "bar" }, filled);
}
