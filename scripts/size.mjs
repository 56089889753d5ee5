// `npm run size`: what a user downloads, against the budgets that are set for it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { Failure, isMain, main, root } from "./command.mjs";

// Budgets are in KiB, compressed with brotli as a CDN does once and for all. A page pays the JavaScript
// of one entry and the wasm: together about as much as one photograph. The wasm's goal is 45 KiB: AES-GCM,
// inflate and their tables alone are 29, so what is ours has to shrink by far. Until then the budget keeps it
// from growing unseen.
const DOWNLOADS = [
  { name: "wasm", files: ["kelp_stream_bg.wasm"], budget: 148 },
  { name: "JavaScript", files: ["index.js", "kelp-stream.js"], budget: 10 },
  { name: "JavaScript, Node", files: ["node.js", "kelp-stream.js"], budget: 10 },
  { name: "JavaScript, workerd", files: ["workerd.js", "kelp-stream.js"], budget: 10 },
];

/** Prints the sizes of what is in dist/; returns the lines that are over their budget. */
export function report() {
  const rows = DOWNLOADS.map(measure);
  for (const { name, raw, gzip, brotli, budget } of rows) {
    console.log(`${name.padEnd(20)} ${kib(raw)} raw ${kib(gzip)} gzip ${kib(brotli)} brotli of ${budget} KiB`);
  }
  return rows.filter(({ brotli, budget }) => brotli > budget * 1024).map(({ name, brotli, budget }) => `${name}: ${brotli} bytes, more than ${budget} KiB`);
}

/** As {@link report}, and fails if anything is over its budget. */
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
