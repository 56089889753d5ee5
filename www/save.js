// Saves a file: to disk as the bytes arrive if the browser can do that, else as a download.
import { element } from "./dom.js";

/** Whether this browser can write to disk while a file streams. */
export const canStreamToDisk = () => "showSaveFilePicker" in globalThis;

/** Asks for a destination; null if the dialog is cancelled. Must be called in a click handler. */
export async function pickFile(name) {
  try {
    return await showSaveFilePicker({ suggestedName: name });
  } catch (error) {
    if (error.name === "AbortError") return null;
    throw error;
  }
}

/** Downloads a Blob. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  // By then the download has read it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
