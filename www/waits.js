// Why the reader and the look-ahead waited: two bars, as long as the run, and a sentence.
import { byId, write } from "./dom.js";
import { formatTime } from "./format.js";

/** What each side waits for. */
const WAITERS = { reader: ["network", "decode"], ahead: ["budget", "reader"] };

/** A wait counts as a reason above this share of the run. */
const MUCH = 0.25;

/** Shows `stats.waits` of a run that has taken `elapsed` milliseconds. */
export function showWaits(waits, elapsed) {
  for (const [waiter, reasons] of Object.entries(WAITERS)) {
    for (const reason of reasons) showWait(`${waiter}-${reason}`, waits[reason], elapsed);
  }
  write(byId("limit-is"), describeLimit(waits, elapsed));
}

/** What limited the run, in a sentence. */
export function describeLimit({ network, decode, budget, reader }, elapsed) {
  const much = (ms) => ms > elapsed * MUCH;
  if (much(decode) && decode >= network) return "Limited by decoding: bytes arrive before they are decrypted.";
  if (much(reader) && reader >= network) return "Limited by the reader: bytes are ready, and look-ahead pauses until they are read.";
  if (much(network)) return much(budget) ? "Limited by the network, and the budget allows no more requests." : "Limited by the network: the servers, or the path to them.";
  return "Nothing waited for long.";
}

function showWait(name, ms, elapsed) {
  const share = elapsed > 0 ? Math.min(ms / elapsed, 1) : 0;
  byId(`wait-bar-${name}`).style.width = `${share * 100}%`;
  write(byId(`wait-${name}`), `${formatTime(ms)}, ${Math.round(share * 100)} %`);
}
