// The dialogs and the downloads of a browser.

/** A download copies the bytes after the click: how long, no browser says. */
const COPYING = 600_000;

/** Asks the person where to save. Rejects with an `AbortError` if they cancel. */
export function askForFile(name, type) {
  const extension = /\.[\w-]{1,15}$/.exec(name)?.[0];
  // A dialog takes no type without an extension, and none that is malformed.
  const isKnown = extension !== undefined && /^[\w-]+\/[\w.+-]+$/.test(type) && type !== "application/octet-stream";
  return globalThis.showSaveFilePicker({ suggestedName: name, ...(isKnown ? { types: [{ accept: { [type]: [extension] } }] } : {}) });
}

/** Gives a Blob to the browser as a download. */
export function saveToDownload(blob, name) {
  const href = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(href), COPYING);
}
