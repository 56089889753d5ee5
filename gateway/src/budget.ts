// How much of a range the subrequests that are left can bring.
import type { PlanSummary, RemoteFile } from "kelp-stream";

export interface Budget {
  /** Subrequests that may still be made. */
  left: number;
  /** The most that one request of the plan takes. */
  perRequest: number;
  /** The most lookups of volumes, whatever the number of requests. */
  lookups: number;
}

export interface Extent {
  start: number;
  end: number;
}

/** What reading a plan may take: a tenth, and at least one, is for what has to be asked twice. */
export function cost({ requests }: PlanSummary, { perRequest, lookups }: Budget): number {
  return requests === 0 ? 0 : requests * perRequest + Math.ceil(requests / 10) + Math.min(lookups, requests);
}

/** The largest beginning of a range that fits into the budget, as its end; what unread chunk manifests list fits into none. */
export function endThatFits(file: RemoteFile, { start, end }: Extent, budget: Budget): number {
  return lastWhere(start, end, (to) => {
    const plan = file.plan({ start, end: to });
    return plan.manifests === 0 && cost(plan, budget) <= budget.left;
  });
}

/**
 * Reads the chunk manifests of a range, as long as what is in front of them leaves subrequests for what they list: only
 * then it is known what the range takes. The core reads one for the sake of a byte that it spans.
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

/** The greatest number for which `holds`, that does for all smaller ones, `from` included. */
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
