// The page: choosing a file streams it, and a run shows what look-ahead does.
import { comparison, CONCURRENCIES, nameOf } from "./comparison.js";
import { digestLine } from "./digest.js";
import { byId, element } from "./dom.js";
import { explain } from "./errors.js";
import { showFigures } from "./figures.js";
import { Files } from "./files.js";
import { formatBytes, formatTime } from "./format.js";
import { preview, release } from "./preview.js";
import { showReplicas } from "./replicas.js";
import { canStreamToDisk, download, pickFile } from "./save.js";
import { hasNoLatency, readSettings, startSettings } from "./settings.js";
import { fetchStores } from "./store.js";
import { forgetHosts, streamFile } from "./stream.js";
import { Timeline } from "./timeline.js";
import { Waterfall } from "./waterfall.js";

const waterfall = new Waterfall();

/** The chosen file: { entry, store }. */
let chosen;
/** The current run: an AbortController. */
let running;

startPage();

async function startPage() {
  byId("again").addEventListener("click", () => perform(run));
  byId("cancel").addEventListener("click", cancel);
  byId("save").addEventListener("click", () => perform(save));
  byId("compare").addEventListener("click", () => perform(compare));
  try {
    const { stores, settings } = await fetchStores();
    startSettings(settings, stores.some(({ canLookup }) => canLookup));
    new Files(stores, choose, (store) => showReplicas(store, forgetHosts));
  } catch (error) {
    showError(error);
  }
}

function choose(entry, store) {
  cancel();
  chosen = { entry, store };
  byId("hints").hidden = true;
  byId("live").hidden = true;
  byId("run-title").textContent = entry.name;
  byId("run-note").textContent = [entry.type, formatBytes(entry.size), entry.expected?.note].filter(Boolean).join(" · ");
  byId("run").scrollIntoView({ block: "nearest" });
  perform(run);
}

function cancel() {
  running?.abort(new DOMException("cancelled on the page", "AbortError"));
}

/** Runs a job on the chosen file, then shows how it ended. */
async function perform(job) {
  const own = begin();
  try {
    await job(own.signal);
  } catch (error) {
    // If another file was chosen meanwhile, the page shows that one.
    if (running === own) own.signal.aborted ? finish("cancelled", "Cancelled: every request has been stopped.") : fail(error);
  }
}

function begin() {
  running = new AbortController();
  release();
  for (const id of ["error", "result", "comparison"]) clear(byId(id));
  setState("running", `Streaming ${chosen.entry.name}…`);
  return running;
}

function clear(box) {
  box.hidden = true;
  box.replaceChildren();
}

async function run(signal) {
  const { blob, file, elapsed } = await stream(signal);
  await showResult(blob, file, signal);
  finish("done", `Done: ${formatBytes(file.size)} in ${formatTime(elapsed)}.`);
}

async function save(signal) {
  if (!canStreamToDisk()) return saveByDownload(signal);
  const handle = await pickFile(chosen.entry.name);
  signal.throwIfAborted();
  if (!handle) return finish("idle", "Not saved.");
  const { blob, file, elapsed } = await stream(signal, { handle });
  await showResult(blob, file, signal);
  finish("done", `Saved as ${handle.name}: ${formatBytes(file.size)} in ${formatTime(elapsed)}, written to disk as it arrived.`);
}

async function saveByDownload(signal) {
  const { blob, file } = await stream(signal);
  if (!blob) throw new Error(`this browser cannot write to disk while a file streams, and ${formatBytes(file.size)} are too many to keep in memory`);
  download(blob, chosen.entry.name);
  finish("done", `Handed ${formatBytes(file.size)} to the browser's downloads.`);
}

async function compare(signal) {
  const times = [];
  for (const concurrency of CONCURRENCIES) {
    byId("status").textContent = `Streaming with ${nameOf(concurrency)}…`;
    times.push((await stream(signal, { concurrency })).elapsed);
  }
  const hint = hasNoLatency() ? "Without latency there is little to gain: set one and compare again." : "";
  byId("comparison").replaceChildren(...comparison(times, hint));
  byId("comparison").hidden = false;
  finish("done", `Compared: ${CONCURRENCIES.map((concurrency, index) => `${nameOf(concurrency)} took ${formatTime(times[index])}`).join(", ")}.`);
}

/** Streams the chosen file and draws it: { blob, file, elapsed }. `changes` overrides settings. */
async function stream(signal, changes = {}) {
  const how = { ...readSettings(), ...changes, signal };
  const begun = performance.now();
  let timeline, file;
  // If another file was chosen, the page shows that one.
  const isShown = () => file && running?.signal === signal;
  const show = () => isShown() && showFigures({ stats: file.stats, size: file.size, budget: how.budget, elapsed: performance.now() - begun });
  const onOpen = (opened) => {
    file = opened;
    const { views, gaps } = file.plan();
    timeline = new Timeline(views + gaps, undefined, { concurrency: how.concurrency === "auto" ? undefined : how.concurrency, hosts: hostsOf(how) });
    waterfall.show(timeline);
    byId("live").hidden = false;
  };
  const timer = setInterval(show, 100);
  try {
    const blob = await streamFile(chosen.entry, chosen.store, { ...how, onOpen, onEvent: (event) => timeline?.add(event) });
    return { blob, file, elapsed: performance.now() - begun };
  } catch (error) {
    if (error.chunk !== undefined) timeline?.blame(error.chunk, error.code);
    throw error;
  } finally {
    clearInterval(timer);
    show();
    if (isShown()) waterfall.finish();
    file?.close();
  }
}

// If chunks come from the volume servers, their letters are those beside their controls.
const hostsOf = ({ direct }) => (direct ? chosen.store.replicas.map(({ host }) => host) : []);

async function showResult(blob, file, signal) {
  const line = await digestLine(blob, chosen.entry.expected?.sha256);
  const shown = blob && blob.size > 0 ? [await preview(blob, file)] : [];
  signal.throwIfAborted();
  byId("result").replaceChildren(line, ...shown);
  byId("result").hidden = false;
}

function fail(error) {
  finish("failed", "Failed.");
  showError(error);
}

function showError(error) {
  const { code, message, meaning, advice, facts } = explain(error);
  const list = element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  byId("error").replaceChildren(
    element("p", { className: "error-head" }, element("code", {}, code), ` ${meaning}`),
    element("p", {}, advice),
    element("p", { className: "message" }, message),
    ...(facts.length > 0 ? [list] : []),
  );
  byId("error").hidden = false;
}

function finish(state, words) {
  running = undefined;
  setState(state, words);
}

function setState(state, words) {
  const active = state === "running";
  const hadFocus = document.activeElement === byId("cancel");
  byId("run").dataset.state = state;
  byId("status").textContent = words;
  byId("cancel").disabled = !active;
  for (const id of ["again", "save", "compare"]) byId(id).disabled = active;
  // A button that is disabled loses the focus: move it to where a run begins, for keyboard users.
  if (hadFocus && !active) byId("again").focus();
}
