// The memory budget that all downloads of the isolate share: an isolate has 128 MB.

let held = 0;
let downloads = 0;

// Below one mebibyte, look-ahead could not keep all connections busy.
const LEAST = 2 ** 20;
// Chunks of 4 MiB, which are SeaweedFS's default, fill six connections with it, and so the digests of four chunks are computed at a
// time: `npm run bench:edge` shows 0.9 times the CPU of 16 MiB.
const MOST = 24 * 2 ** 20;

/** How far a new download may look ahead, in bytes: half of what is left of the budget, so that there is something left for the next. */
export function share(limit: number): number {
  return Math.max(LEAST, Math.min(MOST, Math.floor((limit - held) / 2)));
}

/**
 * Takes bytes from the budget. Returns the function that gives them back, or `null` if the budget does not have them. A download
 * that is alone always gets its bytes.
 */
export function hold(bytes: number, limit: number): (() => void) | null {
  if (downloads > 0 && held + bytes > limit) return null;
  held += bytes;
  downloads++;
  let isHeld = true;
  return () => {
    if (isHeld) {
      held -= bytes;
      downloads--;
    }
    isHeld = false;
  };
}
