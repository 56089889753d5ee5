// `npm run size`: compares the download sizes with their budgets.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { Failure, isMain, main, root } from "./command.mjs";

// Budgets in KiB, compressed with brotli at the highest level, as a CDN does. A page loads the wasm and the JavaScript of one entry
// point, together about as much as one photograph; the second module and the codec if it needs them, and each worker its program. The
// budgets are what was reached and a little more, so that nothing grows unnoticed. The goals are 90 KiB of the first wasm and 11 of JavaScript.
const DOWNLOADS = [
  { name: "wasm", files: ["kelp_stream_bg.wasm"], budget: 101 },
  { name: "wasm, more", files: ["kelp_stream_more.wasm"], budget: 31.2 },
  { name: "wasm, codec", files: ["kelp_stream_codec.wasm"], budget: 30 },
  { name: "JavaScript", files: ["index.js", "kelp-stream.js"], budget: 16.5 },
  { name: "JavaScript, Node", files: ["node.js", "kelp-stream.js"], budget: 16.5 },
  { name: "JavaScript, workerd", files: ["workerd.js", "kelp-stream.js"], budget: 16.5 },
  { name: "inline", files: ["inline.js"], budget: 220 },
  { name: "service worker", files: ["service-worker.js"], budget: 5 },
  { name: "save", files: ["save.js"], budget: 6 },
  { name: "worker", files: ["worker.js"], budget: 3 },
  { name: "worker, Node", files: ["node-worker.js"], budget: 3 },
];

/** Prints the sizes of the files in dist/. Returns a line for each download that exceeds its budget. */
export function report() {
  const rows = DOWNLOADS.map(measure);
  for (const { name, raw, gzip, brotli, budget } of rows) {
    console.log(`${name.padEnd(20)} ${kib(raw)} raw ${kib(gzip)} gzip ${kib(brotli)} brotli of ${budget} KiB`);
  }
  return rows.filter(({ brotli, budget }) => brotli > budget * 1024).map(({ name, brotli, budget }) => `${name}: ${brotli} bytes, more than ${budget} KiB`);
}

/** As {@link report}. @throws {Failure} if a download exceeds its budget */
export function checkSize() {
  const over = report();
  if (over.length > 0) throw new Failure(`over the size budget: ${over.join("; ")}`);
}

function measure(download) {
  const files = download.files.map(read);
  const sum = (size) => files.reduce((total, bytes) => total + size(bytes), 0);
  return { ...download, raw: sum((bytes) => bytes.length), gzip: sum((bytes) => gzipSync(bytes, { level: 9 }).length), brotli: sum(brotli) };
}

function read(name) {
  const path = join(root, "dist", name);
  if (!existsSync(path)) throw new Failure(`there is no dist/${name}: npm run build`);
  return readFileSync(path);
}

const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(10);

if (isMain(import.meta)) await main(checkSize);
