// The controls: what look-ahead may do from the next run on, and how slow the server is now.
import { byId } from "./dom.js";
import { formatRate } from "./format.js";
import { setServer } from "./store.js";

/** How long a slow reader thinks after each read, in milliseconds. */
const THOUGHT = 60;

/** What the next run is to use. */
export function readSettings() {
  return {
    width: byId("width").valueAsNumber,
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
  byId("limit").value = rate;
  const send = () => setServer({ latency: byId("latency").valueAsNumber, rate: Number(byId("limit").value) })
    .catch((error) => { byId("settings-summary").textContent = error.message; });
  byId("latency").addEventListener("input", send);
  byId("limit").addEventListener("change", send);
}

function clampedBudget() {
  const { valueAsNumber, min, max } = byId("budget");
  return Math.min(Math.max(Math.round(valueAsNumber) || 32, min), max);
}

function showSettings() {
  const { width, pause } = readSettings();
  const latency = `${byId("latency").value} ms`;
  byId("width-text").textContent = width;
  byId("latency-text").textContent = latency;
  const rate = Number(byId("limit").value);
  const server = byId("server").hidden ? [] : [`latency ${latency}`, ...(rate ? [formatRate(rate)] : [])];
  byId("settings-summary").textContent = [`width ${width}`, ...server, ...(pause ? ["slow reader"] : [])].join(" · ");
}
