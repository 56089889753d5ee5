// Why the reader and the look-ahead waited, as two bars as long as the run, and in words.
import { byId, write } from "./dom.js";
import { formatTime } from "./format.js";

/** Who waits for what. */
const WAITERS = { reader: ["network", "decode"], ahead: ["budget", "reader"] };

/** Less than this share of a run is no reason. */
const MUCH = 0.25;

/** Shows `stats.waits` of a run that has taken so long. */
export function showWaits(waits, elapsed) {
  for (const [waiter, reasons] of Object.entries(WAITERS)) {
    for (const reason of reasons) showWait(`${waiter}-${reason}`, waits[reason], elapsed);
  }
  write(byId("limit-is"), tellLimit(waits, elapsed));
}

/** What held the run up, in a sentence. */
export function tellLimit({ network, decode, budget, reader }, elapsed) {
  const much = (ms) => ms > elapsed * MUCH;
  if (much(decode) && decode >= network) return "Decoding is what limits: the bytes are here before they are decrypted.";
  if (much(reader) && reader >= network) return "The reader is what limits: bytes lie ready, and look-ahead rests until they are taken.";
  if (much(network)) return much(budget) ? "The network is what limits, and the budget lets no more chunks be asked for." : "The network is what limits: servers, or the way to them.";
  return "Nobody waited for long.";
}

function showWait(name, ms, elapsed) {
  const share = elapsed > 0 ? Math.min(ms / elapsed, 1) : 0;
  byId(`wait-bar-${name}`).style.width = `${share * 100}%`;
  write(byId(`wait-${name}`), `${formatTime(ms)}, ${Math.round(share * 100)} %`);
}
