// How much of a range can be read with the subrequests that are left.
import type { PlanSummary, RemoteFile } from "kelp-stream";

export interface Budget {
  /** Subrequests that may still be made. */
  left: number;
  /** The most subrequests that one request of the plan takes. */
  perRequest: number;
  /** The most volumes that may have to be looked up. */
  lookups: number;
}

export interface Extent {
  start: number;
  end: number;
}

/** The subrequests that reading a plan may take. One in ten, and at least one, is a reserve for retries. */
export function cost({ requests }: PlanSummary, { perRequest, lookups }: Budget): number {
  return requests === 0 ? 0 : requests * perRequest + Math.ceil(requests / 10) + Math.min(lookups, requests);
}

/** The end of the longest prefix of a range that fits the budget. A prefix with an unread chunk manifest never fits: its cost is unknown. */
export function endThatFits(file: RemoteFile, { start, end }: Extent, budget: Budget): number {
  return lastWhere(start, end, (to) => {
    const plan = file.plan({ start, end: to });
    return plan.manifests === 0 && cost(plan, budget) <= budget.left;
  });
}

/**
 * Reads the chunk manifests of a range, since the cost of the range is known only then. Stops at a manifest if the bytes before
 * it leave no subrequests for the chunks that it lists. Reading one byte that a manifest spans makes the core read the manifest.
 */
export async function readManifests(file: RemoteFile, { start, end }: Extent, budget: () => Budget, signal: AbortSignal): Promise<void> {
  while (file.plan({ start, end }).manifests > 0) {
    const at = lastWhere(start, end, (to) => file.plan({ start, end: to }).manifests === 0);
    const { manifests, requests } = file.plan({ start: at, end: at + 1 });
    const now = budget();
    if (cost(file.plan({ start, end: at }), now) + (manifests + requests + 1) * now.perRequest > now.left) return;
    await file.bytes({ start: at, end: at + 1, signal });
  }
}

/** The greatest number up to `to` for which `holds` is true. `holds` is monotonic, and true for `from`. */
function lastWhere(from: number, to: number, holds: (at: number) => boolean): number {
  if (holds(to)) return to;
  let [low, high] = [from, to];
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}
