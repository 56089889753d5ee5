// What all downloads of the isolate hold together: they share its 128 MB.

let held = 0;
let downloads = 0;

// Below a mebibyte, look-ahead is narrower than the connections.
const LEAST = 2 ** 20;
const MOST = 16 * 2 ** 20;

/** How far a new download may look ahead: an even share. */
export function share(limit: number): number {
  return Math.max(LEAST, Math.min(MOST, Math.floor(limit / (downloads + 2))));
}

/** Holds so many bytes until the function that it gives is called; `null` where they are not to be had. A single download always may. */
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
