// Where a file is saved to: straight to disk where the browser can do that, else by way of a download.
import { element } from "./dom.js";

/** Whether bytes can go to disk as they stream. */
export const canStreamToDisk = () => "showSaveFilePicker" in globalThis;

/** The file that somebody picks; null if they decide otherwise. To be called in a click. */
export async function pickFile(name) {
  try {
    return await showSaveFilePicker({ suggestedName: name });
  } catch (error) {
    if (error.name === "AbortError") return null;
    throw error;
  }
}

/** Downloads what is here already. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  // The download has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
