// Reads a file of a SeaweedFS filer with the library component, and writes it to standard output.
//
//   node host.js <url> [start] [end]
import { once } from "node:events";
import { reader } from "./generated/library.js";

const [url, start, end] = process.argv.slice(2);

try {
  if (!url) throw { code: "usage", message: "node host.js <url> [start] [end]" };
  const file = reader.openFiler(url, {}, { headers: [] });
  // `start` is the first byte, `end` the first one that is not wanted any more; a position is a BigInt.
  const range = { start: BigInt(start ?? 0), end: end === undefined ? file.size() : BigInt(end) };
  const { requests, peakBytes } = file.plan(range);
  console.error(`${file.name()}: ${file.size()} bytes, ${file.mediaType()}; ${requests} requests, at most ${peakBytes} bytes held`);

  const body = file.readRange(range);
  for (;;) {
    const bytes = body.read(1 << 20);
    // Nothing is the end, and comes only after the last byte.
    if (bytes.length === 0) break;
    if (!process.stdout.write(bytes)) await once(process.stdout, "drain");
  }
  const { bytesReceived, retries, failovers } = file.stats();
  console.error(`${bytesReceived} bytes received, ${retries} retries, ${failovers} failovers`);
  // jco's worker would keep the process, and what is still to be written must be.
  process.stdout.write("", () => process.exit(0));
} catch (error) {
  // What the component throws is the record `error` of wit/types.wit.
  if (typeof error?.code !== "string") throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exit(1);
}
