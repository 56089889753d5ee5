// The figures of the current run: progress, the window, rate, requests, waits.
import { byId, write } from "./dom.js";
import { formatBytes, formatRate, formatTime } from "./format.js";
import { showWaits } from "./waits.js";

/** Shows `stats` of a file. `elapsed`: milliseconds since the run began. */
export function showFigures({ stats, size, budget, elapsed }) {
  const { bytesDelivered, bytesAhead, peakBytesAhead, waits } = stats;
  showProgress(bytesDelivered, bytesAhead, size);
  showWindow(bytesAhead, peakBytesAhead, budget);
  write(byId("rate"), formatRate(elapsed > 0 ? (bytesDelivered / elapsed) * 1000 : 0));
  write(byId("time"), formatTime(elapsed));
  write(byId("flight"), `${stats.inFlight} of ${stats.concurrency}`);
  write(byId("requests"), stats.requests.toLocaleString("en"));
  write(byId("retries"), stats.retries.toLocaleString("en"));
  write(byId("failovers"), stats.failovers.toLocaleString("en"));
  write(byId("hedges"), stats.hedges.toLocaleString("en"));
  showWaits(waits, elapsed);
}

function showProgress(delivered, ahead, size) {
  const share = (bytes) => (size === 0 ? 100 : Math.min((bytes / size) * 100, 100));
  const bar = byId("progress");
  bar.querySelector(".done").style.width = `${share(delivered)}%`;
  bar.querySelector(".ahead").style.width = `${share(delivered + ahead)}%`;
  bar.setAttribute("aria-valuenow", Math.round(share(delivered)));
  bar.setAttribute("aria-valuetext", `${delivered.toLocaleString("en")} of ${size.toLocaleString("en")} bytes`);
  write(byId("progress-text"), `${formatBytes(delivered)} of ${formatBytes(size)}`);
}

function showWindow(ahead, peak, budget) {
  // One view may be larger than the whole budget.
  const most = Math.max(budget, peak);
  const bar = byId("window");
  bar.querySelector(".done").style.width = `${(ahead / most) * 100}%`;
  bar.querySelector(".peak").style.left = `${(peak / most) * 100}%`;
  bar.setAttribute("aria-valuenow", Math.round((ahead / most) * 100));
  bar.setAttribute("aria-valuetext", `${formatBytes(ahead)} of ${formatBytes(budget)}`);
  write(byId("window-text"), `${formatBytes(ahead)} of ${formatBytes(budget)}, peak ${formatBytes(peak)}`);
}
