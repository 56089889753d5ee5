// `npm run bench`: what look-ahead is worth, in Chromium, against the stand-in on this machine. `-- --quick` for fewer runs.
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, main, root } from "../scripts/command.mjs";
import { report } from "../scripts/size.mjs";
import { closeAll } from "../tests/package/support.mjs";
import { openPage } from "./browser.mjs";

const ROUNDS = process.argv.includes("--quick") ? 3 : 9;
const WARM_UP = 2;
const CHUNKS = 64;
const CHUNK = 64 * 1024;

/** What SeaweedFS's filer gained by its pipeline of four, as published: latency of a chunk in ms, ratio to sequential. */
const PUBLISHED = { 0: 2.2, 5: 3.8, 10: 4.0, 20: 3.9 };
const GOAL = { 5: 3.5, 10: 3.5, 20: 3.5 };

async function bench() {
  const started = [];
  const keep = (each) => {
    started.push(each);
    return each;
  };
  try {
    const page = keep(await openPage(routes()));
    const lookAhead = await measureLookAhead(page, keep(await startStore("")));
    const film = await measureFilm(page, keep(await startStore("cipher")));
    print(lookAhead, film);
  } finally {
    for (const { stop } of started) await stop();
    await closeAll();
  }
}

/** 64 chunks of 64 KiB, one after the other and four at a time, by the package and by hand. */
async function measureLookAhead(page, { ask }) {
  const { volumes, filer } = await ask("about");
  const file = await ask("addFile", { path: "/b/plain.bin", content: "noise:bench", length: CHUNKS * CHUNK, chunkSize: CHUNK });
  const { size } = file;
  const chunks = file.fileIds.map((fileId) => ({ url: `${volumes[0]}/${fileId}` }));
  const byPackage = (concurrency) => ["byPackage", { url: filer + file.path, origin: volumes[0], size, options: { concurrency } }];
  const byHand = (width) => ["byHand", { chunks, width, size }];
  const ways = { package1: byPackage(1), package4: byPackage(4), hand1: byHand(1), hand4: byHand(4), again4: byHand(4) };
  const rows = [];
  for (const latency of Object.keys(PUBLISHED).map(Number)) {
    await ask("setLatency", latency);
    rows.push({ latency, ms: await medians(page, ways) });
  }
  return rows;
}

/** The film, encrypted, as fast as it comes. */
async function measureFilm(page, { ask }) {
  const { filer, cases } = await ask("about");
  const { path, size } = cases.find(({ name }) => name === "film");
  const url = filer + path;
  const { chunks } = JSON.parse(await ask("text", `${url}?metadata=true`));
  // In file order, through the filer: each volume server holds only some of them.
  const sorted = chunks.map((chunk) => ({ offset: 0, ...chunk })).sort((a, b) => a.offset - b.offset);
  const stored = sorted.map(({ file_id: fileId, cipher_key: key }) => ({ url: `${filer}/?proxyChunkId=${fileId}`, key }));
  const byPackage = (decoder) => ["byPackage", { url, size, options: { decoder, concurrency: 4 } }];
  return medians(page, { native: byPackage("native"), wasm: byPackage("wasm"), hand: ["byHand", { chunks: stored, width: 4, size }] });
}

/** Medians in ms of ways to do one thing; they take turns, so that what disturbs one disturbs all. */
async function medians(page, ways) {
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const names = rotated(Object.keys(ways), round + WARM_UP);
    for (const name of names) {
      const took = await page.call(...ways[name]);
      if (round >= 0) times[name].push(took);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
}

const rotated = (list, by) => list.map((_, i) => list[(i + by) % list.length]);
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

function print(lookAhead, film) {
  console.log(`\n${CHUNKS} plain chunks of ${CHUNK / 1024} KiB, Chromium, one HTTP/1.1 host, the stand-in in a process of its own; medians of ${ROUNDS} interleaved runs`);
  console.log("after a warm-up. Ratios of speeds: above 1 is better for what stands first.\n");
  table(["latency of a chunk", "SeaweedFS, 4 over 1 (published)", "kelp-stream, 4 over 1", "goal", "by hand, 4 over 1", "kelp-stream over by hand, 1", "the same, 4", "by hand over itself, 4", "kelp-stream, 4"],
    lookAhead.map(({ latency, ms }) => [
      `${latency} ms`, ratio(PUBLISHED[latency]), ratio(ms.package1 / ms.package4), goal(latency, ms.package1 / ms.package4), ratio(ms.hand1 / ms.hand4),
      ratio(ms.hand1 / ms.package1), ratio(ms.hand4 / ms.package4), ratio(ms.again4 / ms.hand4), `${ms.package4.toFixed(0)} ms`,
    ]));
  console.log("\nThe film, 2.3 MB in 36 encrypted chunks, four at a time.\n");
  table(["WebCrypto over wasm", "kelp-stream with WebCrypto over by hand", "kelp-stream with wasm over by hand", "kelp-stream with WebCrypto"],
    [[ratio(film.wasm / film.native), ratio(film.hand / film.native), ratio(film.hand / film.wasm), `${film.native.toFixed(0)} ms`]]);
  console.log();
  report();
}

const ratio = (value) => `${value.toFixed(2)}x`;

function goal(latency, reached) {
  if (GOAL[latency] === undefined) return "";
  return `${GOAL[latency]}x: ${reached >= GOAL[latency] ? "reached" : "missed"}`;
}

function table(head, rows) {
  for (const row of [head, head.map(() => "---"), ...rows]) console.log(`| ${row.join(" | ")} |`);
}

/** The package as it was built, the rival, and what is called in the page. */
function routes() {
  const dist = join(root, "dist");
  if (!existsSync(join(dist, "index.js"))) throw new Failure("there is no dist/index.js: npm run build");
  return {
    ...Object.fromEntries(readdirSync(dist).map((name) => [`/kelp-stream/${name}`, served(join(dist, name))])),
    "/bench.js": served(fileURLToPath(new URL("page.js", import.meta.url))),
    "/pipeline.js": served(fileURLToPath(new URL("rivals/pipeline.js", import.meta.url))),
  };
}

const served = (path) => ({ type: extname(path) === ".wasm" ? "application/wasm" : "text/javascript", body: readFileSync(path) });

/** Starts store.mjs: `ask` calls its control, `stop` ends it. */
async function startStore(cluster) {
  const child = fork(fileURLToPath(new URL("store.mjs", import.meta.url)), [cluster], { serialization: "advanced" });
  const gone = once(child, "exit");
  await Promise.race([once(child, "message"), gone.then(() => { throw new Failure("the store did not start"); })]);
  const waiting = new Map();
  child.on("message", ({ id, result, error }) => {
    const { done, fail } = waiting.get(id);
    waiting.delete(id);
    error ? fail(new Error(error)) : done(result);
  });
  let id = 0;
  const ask = (method, ...args) => new Promise((done, fail) => {
    id++;
    waiting.set(id, { done, fail });
    child.send({ id, method, args });
  });
  const stop = async () => {
    child.kill();
    await gone;
  };
  return { ask, stop };
}

await main(bench);
