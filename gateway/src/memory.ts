// The memory budget that all downloads of the isolate share: an isolate has 128 MB. Downloads wait in turn for their part of it.

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

/** Gives back what a download holds. A second call has no effect. */
export type Release = () => void;

/** Who waits for memory, in turn, and when each was seen last. */
const queue: { seen: number }[] = [];

/** Requests that may wait. */
const LONGEST_QUEUE = 100;
/** Milliseconds. Requests wait by polling, since a promise of one request must not wake another one in workerd. */
const POLL = 20;
/** Milliseconds after which a request that does not poll is gone: workerd ends requests without a word. */
const GONE = 2000;

/**
 * Takes bytes from the budget, as soon as it has them and no earlier request waits for its own, at the latest after `patience`
 * milliseconds. `null` after that, if `signal` aborts, and if the queue is full.
 */
export async function hold(bytes: number, limit: number, patience: number, signal: AbortSignal): Promise<Release | null> {
  const place = { seen: Date.now() };
  if (queue.length >= LONGEST_QUEUE) return null;
  queue.push(place);
  try {
    for (const until = Date.now() + patience; ; await new Promise((resolve) => setTimeout(resolve, POLL))) {
      place.seen = Date.now();
      while (queue[0] && Date.now() - queue[0].seen > GONE) queue.shift();
      // Back in the queue, should it have been taken for gone.
      if (!queue.includes(place)) queue.push(place);
      const release = queue[0] === place ? taken(bytes, limit) : null;
      if (release || Date.now() >= until || signal.aborted) return release;
    }
  } finally {
    const at = queue.indexOf(place);
    if (at >= 0) queue.splice(at, 1);
  }
}

/** `null` if the budget does not have the bytes. A download that is alone always gets them. */
function taken(bytes: number, limit: number): Release | null {
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

/** Downloads by signature. */
const active = new Map<string, number>();

/** Counts a download of a signed URL; `null` if it has `most` already. */
export function admit(signature: string, most: number): Release | null {
  const count = active.get(signature) ?? 0;
  if (count >= most) return null;
  active.set(signature, count + 1);
  let isCounted = true;
  return () => {
    if (!isCounted) return;
    isCounted = false;
    const left = (active.get(signature) ?? 1) - 1;
    if (left > 0) active.set(signature, left);
    else active.delete(signature);
  };
}
