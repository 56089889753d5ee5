// The controls: look-ahead for the next run, and the delays of the server, which apply at once.
import { nameOf } from "./comparison.js";
import { byId } from "./dom.js";
import { formatRate } from "./format.js";
import { setServer } from "./store.js";

/** How long a slow reader pauses after each read, in milliseconds. */
const PAUSE = 60;

/** The rates of the slider, in bytes per second; 0: no limit. */
const RATES = [256, 512, 1024, 2048, 4096, 8192, 16384, 0].map((kib) => kib * 1024);

/** The options of the next run. */
export function readSettings() {
  return {
    concurrency: byId("auto").checked ? "auto" : byId("concurrency").valueAsNumber,
    hedge: byId("hedge").checked,
    budget: clampedBudget() * 1024 * 1024,
    decoder: byId("decoder").value,
    direct: byId("source").value === "volumes",
    pause: byId("slow").checked ? PAUSE : 0,
  };
}

/** Connects the controls. `server`: the settings of a server that can be slowed down, null for one that cannot. */
export function startSettings(server, canLookup) {
  byId("settings").addEventListener("submit", (event) => event.preventDefault());
  byId("settings").addEventListener("input", showSettings);
  byId("budget").addEventListener("change", () => { byId("budget").valueAsNumber = clampedBudget(); });
  hideUnless(canLookup, "lookup");
  if (!canLookup) byId("source").value = "proxy";
  hideUnless(server, "stand-in");
  if (server) startServer(server);
  // On a narrow screen the file and its stream are more important.
  document.querySelector(".settings").open = matchMedia("(min-width: 760px)").matches;
  showSettings();
}

function hideUnless(there, need) {
  for (const each of document.querySelectorAll(`[data-needs=${need}]`)) each.hidden = !there;
}

/** Whether the server can be slowed down, and has no latency set. */
export const hasNoLatency = () => !byId("server").hidden && byId("latency").valueAsNumber === 0;

function startServer({ latency, rate }) {
  byId("latency").valueAsNumber = latency;
  byId("limit").valueAsNumber = RATES.includes(rate) ? RATES.indexOf(rate) : RATES.length - 1;
  const send = () => setServer({ latency: byId("latency").valueAsNumber, rate: chosenRate() })
    .catch((error) => { byId("settings-summary").textContent = error.message; });
  for (const id of ["latency", "limit"]) byId(id).addEventListener("input", send);
}

const chosenRate = () => RATES[byId("limit").valueAsNumber];

function clampedBudget() {
  const { valueAsNumber, min, max } = byId("budget");
  return Math.min(Math.max(Math.round(valueAsNumber) || 32, min), max);
}

function showSettings() {
  const { concurrency, hedge, pause } = readSettings();
  const latency = `${byId("latency").value} ms`;
  const rate = chosenRate();
  byId("concurrency").disabled = concurrency === "auto";
  byId("concurrency-text").textContent = concurrency === "auto" ? "automatic" : concurrency;
  byId("latency-text").textContent = latency;
  byId("limit-text").textContent = rate ? formatRate(rate) : "no limit";
  byId("limit").setAttribute("aria-valuetext", byId("limit-text").textContent);
  const server = byId("server").hidden ? [] : [`latency ${latency}`, ...(rate ? [formatRate(rate)] : [])];
  byId("settings-summary").textContent = [nameOf(concurrency), ...(hedge ? [] : ["no hedges"]), ...server, ...(pause ? ["slow reader"] : [])].join(" · ");
}
