// The page: choosing a file runs it, and a run shows what look-ahead does.
import { comparison, nameOf, WIDTHS } from "./compare.js";
import { digestLine } from "./digest.js";
import { byId, element } from "./dom.js";
import { explain } from "./errors.js";
import { showFigures } from "./figures.js";
import { Files } from "./files.js";
import { formatBytes, formatTime } from "./format.js";
import { preview, release } from "./preview.js";
import { showReplicas } from "./replicas.js";
import { canStreamToDisk, download, pickFile } from "./save.js";
import { readSettings, serverIsNear, startSettings } from "./settings.js";
import { fetchStores } from "./store.js";
import { forgetHosts, streamFile } from "./stream.js";
import { Timeline } from "./timeline.js";
import { Waterfall } from "./waterfall.js";

const waterfall = new Waterfall();

/** What was chosen: { entry, store }. */
let chosen;
/** The run that goes on: an AbortController. */
let running;

startPage();

async function startPage() {
  byId("again").addEventListener("click", () => attend(run));
  byId("cancel").addEventListener("click", cancel);
  byId("save").addEventListener("click", () => attend(save));
  byId("compare").addEventListener("click", () => attend(compare));
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
  attend(run);
}

function cancel() {
  running?.abort(new DOMException("cancelled on the page", "AbortError"));
}

/** Does something with the chosen file: afterwards its end is on the page, whichever it was. */
async function attend(job) {
  const mine = begin();
  try {
    await job(mine.signal);
  } catch (error) {
    // Another file may have been chosen meanwhile: then the page is no longer this one's.
    if (running === mine) mine.signal.aborted ? finish("cancelled", "Cancelled: every request has been stopped.") : fail(error);
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
  finish("done", `Saved as ${handle.name}: ${formatBytes(file.size)} in ${formatTime(elapsed)}, written to disk as it came.`);
}

async function saveByDownload(signal) {
  const { blob, file } = await stream(signal);
  if (!blob) throw new Error(`this browser cannot write to disk as bytes come, and ${formatBytes(file.size)} are too many to keep`);
  download(blob, chosen.entry.name);
  finish("done", `Handed ${formatBytes(file.size)} to the browser's downloads.`);
}

async function compare(signal) {
  const times = [];
  for (const width of WIDTHS) {
    byId("status").textContent = `Streaming with ${nameOf(width)}…`;
    times.push((await stream(signal, { width })).elapsed);
  }
  const hint = serverIsNear() ? "The nearer the server, the less there is to gain: set a latency and compare again." : "";
  byId("comparison").replaceChildren(...comparison(times, hint));
  byId("comparison").hidden = false;
  finish("done", `Compared: ${WIDTHS.map((width, index) => `${nameOf(width)} took ${formatTime(times[index])}`).join(", ")}.`);
}

/** One stream of the chosen file, drawn as it goes: { blob, file, elapsed }. */
async function stream(signal, special = {}) {
  const how = { ...readSettings(), ...special, signal };
  const begun = performance.now();
  let timeline, file;
  // When another file has been chosen, the page shows that one.
  const isShown = () => file && running?.signal === signal;
  const show = () => isShown() && showFigures({ stats: file.stats, size: file.size, budget: how.budget, elapsed: performance.now() - begun });
  const onOpen = (opened) => {
    file = opened;
    const { views, gaps } = file.plan();
    timeline = new Timeline(views + gaps, undefined, { width: how.width === "auto" ? undefined : how.width, hosts: hostsOf(how) });
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

// Where chunks come from the volume servers, letters are those beside their controls.
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
  // A button that is disabled loses the focus: whoever works with the keyboard goes on where a run begins.
  if (hadFocus && !active) byId("again").focus();
}
