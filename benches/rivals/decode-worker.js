// A worker of decode-workers.js. Its name says what it decodes with.
import { loadCrates } from "./crates.js";
import { open as openOnPlatform } from "./platform.js";

const loading = name === "crates" ? loadCrates() : Promise.resolve(openOnPlatform);

onmessage = async ({ data: { id, pieces, ...chunk } }) => {
  try {
    const decoded = [];
    await (await loading)(pieces, chunk, (piece) => decoded.push(piece));
    postMessage({ id, pieces: decoded }, decoded.map(({ buffer }) => buffer));
  } catch (error) {
    postMessage({ id, error: String(error?.stack ?? error) });
  }
};
