// Copies a file of a SeaweedFS filer: node copy.mjs <url of the file> [destination]
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { openFiler } from "kelp-stream";

const [url, destination] = process.argv.slice(2);

try {
  if (!url) throw new Error("usage: node copy.mjs <url of a file at a filer> [destination]");
  const file = await openFiler(url);
  console.error(`${file.name}: ${file.size} bytes of ${file.type}`);
  // The pipeline reads as fast as it can write; a failure or a closed pipe stops every request.
  await pipeline(Readable.fromWeb(file.stream()), destination ? createWriteStream(destination) : process.stdout);
  console.error(`${file.stats.requests} requests, ${file.stats.retries} retries, ${file.stats.failovers} failovers`);
} catch (error) {
  if (error.code === "EPIPE") process.exit(); // whatever reads the pipe has enough
  console.error(`${error.code ?? error.name}: ${error.message}`);
  process.exitCode = error.retryable ? 3 : 1;
}
