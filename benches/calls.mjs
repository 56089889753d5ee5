// `npm run bench:calls`: counts the calls between wasm and JavaScript for each chunk, in both directions. Counts do not depend on the
// machine. `-- --names` prints them by name. The store is a `fetch` in memory: bodies of two pieces, each in a task of its own.
import { createHash } from "node:crypto";
import { table } from "./table.mjs";

const CHUNKS = 400;
const SIZE = 64 * 1024;
const PIECES = 2;
const WIDTH = 4;

// The names of what the two modules of the core call in each other (scripts/split.mjs), which is no call of JavaScript.
const BETWEEN = /^(?:b|\d+)$/;

const counts = { out: new Map(), back: new Map() };

function counted(side, name, call) {
  return (...values) => {
    counts[side].set(name, (counts[side].get(name) ?? 0) + 1);
    return call(...values);
  };
}

const wrapped = (side, functions) =>
  Object.fromEntries(Object.entries(functions).map(([name, it]) => [name, typeof it === "function" && !BETWEEN.test(name) ? counted(side, name.replace(/_?_[0-9a-f]{16}$/, ""), it) : it]));

const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = async (source, imports) => {
  const wrappedImports = Object.fromEntries(Object.entries(imports ?? {}).map(([name, them]) => [name, BETWEEN.test(name) ? them : wrapped("out", them)]));
  const result = await instantiate.call(WebAssembly, source, wrappedImports);
  return result.instance ? { module: result.module, instance: { exports: wrapped("back", result.instance.exports) } } : { exports: wrapped("back", result.exports) };
};

const blob = new Uint8Array(SIZE).map((_, at) => at * 31);
const md5 = createHash("md5").update(blob).digest("base64");
const turn = () => new Promise((resolve) => setImmediate(resolve));

globalThis.fetch = async (url, { signal }) => {
  await turn();
  signal?.throwIfAborted();
  let left = PIECES;
  const body = new ReadableStream({
    type: "bytes",
    async pull(controller) {
      await turn();
      if (left === 0) {
        controller.close();
        return controller.byobRequest?.respond(0);
      }
      left--;
      controller.enqueue(blob.slice(0, SIZE / PIECES));
    },
  }, { highWaterMark: 0 });
  const headers = { "content-length": `${SIZE}`, "content-type": "application/octet-stream", etag: '"1234"' };
  return new Response(body, { headers });
};

const { openManifest } = await import("../dist/node.js");

async function read(options) {
  const chunks = Array.from({ length: CHUNKS }, (_, at) => ({ urls: [`http://127.0.0.1:9/${at}`], offset: at * SIZE, size: SIZE, md5 }));
  const file = await openManifest({ size: CHUNKS * SIZE, chunks }, options);
  for await (const piece of file.stream()) void piece;
}

async function count(options) {
  await read(options);
  counts.out.clear();
  counts.back.clear();
  await read(options);
  const each = (side) => [...counts[side]].map(([name, calls]) => [name, calls / CHUNKS]).sort((a, b) => b[1] - a[1]);
  return { out: each("out"), back: each("back") };
}

const sum = (calls) => calls.reduce((total, [, each]) => total + each, 0);
const rows = [];
for (const [name, options] of [
  [`width ${WIDTH}, verify "off"`, { concurrency: WIDTH, verify: "off" }],
  [`width ${WIDTH}, verify "stream"`, { concurrency: WIDTH }],
  ['width "auto", verify "stream"', {}],
]) {
  const { out, back } = await count(options);
  rows.push([name, sum(out).toFixed(1), sum(back).toFixed(1)]);
  if (!process.argv.includes("--names")) continue;
  console.log(name);
  for (const [side, calls] of [["out", out], ["back", back]]) for (const [call, each] of calls) if (each >= 0.02) console.log(`  ${side.padEnd(4)} ${each.toFixed(2).padStart(6)}  ${call}`);
}
table(["calls for each chunk", "wasm to JavaScript", "back"], rows);
