// The controls: what look-ahead may do from the next run on, and how slow the server is now.
import { nameOf } from "./compare.js";
import { byId } from "./dom.js";
import { formatRate } from "./format.js";
import { setServer } from "./store.js";

/** How long a slow reader thinks after each read, in milliseconds. */
const THOUGHT = 60;

/** The rates of the slider, in bytes a second; 0: as fast as it goes. */
const RATES = [256, 512, 1024, 2048, 4096, 8192, 16384, 0].map((kib) => kib * 1024);

/** What the next run is to use. */
export function readSettings() {
  return {
    width: byId("auto").checked ? "auto" : byId("width").valueAsNumber,
    hedge: byId("hedge").checked,
    budget: clampedBudget() * 1024 * 1024,
    decoder: byId("decoder").value,
    direct: byId("source").value === "volumes",
    pause: byId("slow").checked ? THOUGHT : 0,
  };
}

/** Makes the controls work. `server`: the settings of a server that can be slowed down, null for one that cannot. */
export function startSettings(server, canLookup) {
  byId("settings").addEventListener("submit", (event) => event.preventDefault());
  byId("settings").addEventListener("input", showSettings);
  byId("budget").addEventListener("change", () => { byId("budget").valueAsNumber = clampedBudget(); });
  hideUnless(canLookup, "lookup");
  if (!canLookup) byId("source").value = "proxy";
  hideUnless(server, "stand-in");
  if (server) startServer(server);
  // On a narrow screen the file and its stream come first.
  document.querySelector(".settings").open = matchMedia("(min-width: 760px)").matches;
  showSettings();
}

function hideUnless(there, need) {
  for (const each of document.querySelectorAll(`[data-needs=${need}]`)) each.hidden = !there;
}

/** Whether the server could be slowed down, and is not. */
export const serverIsNear = () => !byId("server").hidden && byId("latency").valueAsNumber === 0;

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
  const { width, hedge, pause } = readSettings();
  const latency = `${byId("latency").value} ms`;
  const rate = chosenRate();
  byId("width").disabled = width === "auto";
  byId("width-text").textContent = width === "auto" ? "found by itself" : width;
  byId("latency-text").textContent = latency;
  byId("limit-text").textContent = rate ? formatRate(rate) : "as fast as it goes";
  byId("limit").setAttribute("aria-valuetext", byId("limit-text").textContent);
  const server = byId("server").hidden ? [] : [`latency ${latency}`, ...(rate ? [formatRate(rate)] : [])];
  byId("settings-summary").textContent = [nameOf(width), ...(hedge ? [] : ["no hedges"]), ...server, ...(pause ? ["slow reader"] : [])].join(" · ");
}
