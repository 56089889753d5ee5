// What is measured, in the page: each function opens or prepares outside the clock, and returns milliseconds.
import { openFiler } from "/kelp-stream/index.js";
import { pipeline } from "/pipeline.js";

/** Reads a file of the store by the package. */
export async function byPackage({ url, origin, size, options }) {
  const locate = (fileId) => ({ urls: [`${origin}/${fileId}`] });
  const file = await openFiler(url, { ...options, ...(origin ? { locate } : {}) });
  return timed(() => file.stream(), size);
}

/** Reads the same chunks by hand. */
export function byHand({ chunks, width, size }) {
  const opened = chunks.map(({ url, key }) => ({ url, key: key && Uint8Array.from(atob(key), (char) => char.charCodeAt(0)) }));
  return timed(() => pipeline(opened, width), size);
}

async function timed(open, size) {
  const start = performance.now();
  const reader = open().getReader();
  let length = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) length += read.value.length;
  const took = performance.now() - start;
  if (length !== size) throw new Error(`${length} of ${size} bytes came`);
  return took;
}
