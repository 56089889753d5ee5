// The four ways to open a file.
import {
  Opening,
  openEntry as openCoreEntry,
  openFiler as openCoreFiler,
  openManifest as openCoreManifest,
  openUrl as openCoreUrl,
} from "#glue";
import { requestUrl } from "./check.js";
import { KelpError } from "./error.js";
import { RemoteFile } from "./file.js";
import { weaken } from "./functions.js";
import { isStarted, isSupported, ready } from "./load.js";
import { checkManifest } from "./manifest.js";
import { more } from "./more.js";
import { filerSettings, settings, urlSettings } from "./options.js";
import { corePool, isClosed } from "./pool.js";
import { WebRequest } from "./request.js";
import { runtime } from "./runtime.js";
import { onAbort } from "./stream.js";
import { calling, onTrap, trapFailure } from "./trap.js";

export async function openFiler(url, options) {
  const where = requestUrl(url);
  const chosen = filerSettings(options, where);
  // The filer answers with the entry only if the value is `true`. Other parameters of the query are kept.
  if (where.searchParams.has("metadata")) where.searchParams.delete("metadata");
  chosen.fileUrl = where.href;
  where.searchParams.set("metadata", "true");
  sendEarly(chosen, where);
  return open(chosen, chosen.needsMore, (pool, opening) => openCoreFiler(where.href, chosen, pool, opening));
}

export async function openEntry(entry, options) {
  const chosen = filerSettings(options);
  // A string has at least as many bytes as characters.
  const isTooLong = ({ length }) => length > runtime.maxMetadataBytes;
  const json = typeof entry === "string" && !isTooLong(entry) ? new TextEncoder().encode(entry) : entry;
  if (json !== undefined && json !== null && isTooLong(json)) throw new KelpError("limit", `the entry is longer than ${runtime.maxMetadataBytes} bytes, which is the limit`);
  if (!(json instanceof Uint8Array)) throw new TypeError("entry must be the JSON that a filer answers, as a string or as its bytes");
  return open(chosen, true, (pool, opening) => openCoreEntry(json, chosen, pool, opening));
}

export async function openManifest(manifest, options) {
  const checked = checkManifest(manifest);
  const chosen = settings(options, "");
  return open(chosen, true, (pool) => openCoreManifest(checked, chosen, pool));
}

export async function openUrl(url, options) {
  const where = requestUrl(url);
  const chosen = urlSettings(options, where);
  return open(chosen, true, (pool, opening) => openCoreUrl(where.href, chosen, pool, opening));
}

/**
 * Sends the first request of a file before the module is there, which has to be loaded too, if all of it is known. The core takes it over
 * in place of its first request.
 */
function sendEarly(chosen, { href, origin }) {
  const { signal, fetch, headers, home, filerToken, origins, pool } = chosen;
  if (isStarted || isClosed(pool) || signal?.aborted || filerToken || origins?.includes(origin) === false || !isSupported()) return;
  chosen.early = new WebRequest(fetch, href, origin === home ? headers : undefined, -1, 0, href.includes("jwt="));
}

/** Opens a file in the core. Rejects with the reason of the signal if it is aborted first. `needsMore`: the second module too. */
async function open(chosen, needsMore, openCore) {
  const { signal, pool, early } = chosen;
  signal?.throwIfAborted();
  const functions = weaken(chosen);
  let opening;
  let stop;
  let stopWaiting, fail;
  const aborted = new Promise((_, reject) => {
    fail = reject;
    stop = onAbort([signal], (reason) => {
      early?.cancel();
      opening?.cancel();
      reject(reason);
    });
  });
  // Otherwise an abort after the race is an unhandled rejection.
  aborted.catch(() => {});
  try {
    await Promise.race([Promise.all([ready(), needsMore && more()]), aborted]);
    opening = new Opening();
    stopWaiting = onTrap(opening.number, () => fail(trapFailure()));
    // After `cancel` the core's promise settles too, and its result is ignored.
    const file = await Promise.race([calling(() => openCore(corePool(pool), opening)), aborted]);
    return new RemoteFile(file, signal, functions);
  } catch (error) {
    // It may not have been taken over.
    early?.cancel();
    throw error;
  } finally {
    stop();
    stopWaiting?.();
  }
}
