// `npm run bench`: compares the package with hand-written readers, in Chromium, with the stand-in on this machine.
// `npm run bench -- auto slow --quick` runs these cells with fewer rounds; `--node` runs them in Node. benches/README.md describes the
// cells.
import { Failure, main } from "../scripts/command.mjs";
import { report } from "../scripts/size.mjs";
import { openPage } from "./browser.mjs";
import * as auto from "./cells/auto.mjs";
import * as cost from "./cells/cost.mjs";
import * as decode from "./cells/decode.mjs";
import * as digest from "./cells/digest.mjs";
import * as film from "./cells/film.mjs";
import * as firstByte from "./cells/first-byte.mjs";
import * as link from "./cells/link.mjs";
import * as lookAhead from "./cells/look-ahead.mjs";
import * as loopback from "./cells/loopback.mjs";
import * as memory from "./cells/memory.mjs";
import * as noWebcrypto from "./cells/no-webcrypto.mjs";
import * as sharing from "./cells/sharing.mjs";
import * as slow from "./cells/slow.mjs";
import { startChild } from "./child.mjs";
import { cpuOf, pageCpuOf, rendererMemory } from "./processes.mjs";

const CELLS = {
  "look-ahead": lookAhead, auto, link, loopback, cost, digest, decode, "no-webcrypto": noWebcrypto, "first-byte": firstByte, slow, sharing,
  memory, film,
};

/** The cells that need no page. */
const IN_NODE = ["look-ahead", "auto", "slow"];

/** The services of a cell. */
class Bench {
  quick; inNode; #reader; #stores = [];

  constructor(reader, { quick, inNode }) {
    Object.assign(this, { quick, inNode });
    this.#reader = reader;
  }

  /** The number of rounds. */
  rounds(full, quick) {
    return this.quick ? quick : full;
  }

  /** Starts a stand-in in another process with options of `startStore`; `endStores` ends it. */
  async startStore(options = {}) {
    const store = await startChild("store.mjs", JSON.stringify(options));
    this.#stores.push(store);
    return { ask: store.ask, ...(await store.ask("about")) };
  }

  async endStores() {
    for (const { stop } of this.#stores.splice(0)) await stop();
  }

  /** Stores a generated file and passes it to the reader. `about`: the argument of `addFile`. Each chunk has one URL per replica. */
  async addFile(store, name, { spread = [[0]], ...about }) {
    const file = await store.ask("addFile", { path: `/b/${name}`, content: "noise:bench", spread, ...about });
    const chunks = file.fileIds.map((fileId, i) => ({ fileId, urls: spread[i % spread.length].map((index) => `${store.volumes[index]}/${fileId}`) }));
    return this.keep({ name, url: store.filer + file.path, size: file.size, chunkSize: about.chunkSize, chunks });
  }

  async keep(file) {
    await this.#call("keep", file);
    return file;
  }

  /** Stores a file of compressed or encrypted chunks (store.mjs), and passes it to the reader. `inMemory`: with its stored bytes. */
  async addCoded(store, name, { inMemory, ...about }) {
    const { chunks, size } = await store.ask("addCoded", { path: `/b/${name}`, ...about });
    const file = { name, size, chunks: chunks.map(({ fileId, ...chunk }) => ({ ...chunk, urls: [`${store.volumes[0]}/${fileId}`] })) };
    await this.#call("keepCoded", { ...file, inMemory });
    return file;
  }

  /** The reader's answer to a call that is not measured. */
  ask(name, argument = {}) {
    return this.#call(name, argument);
  }

  /** A way to read, for `interleave`: calls a function of reader.js, and adds the milliseconds of CPU of all its processes and of its page. */
  way(name, argument, before = () => {}) {
    return async () => {
      await before();
      const { pid } = this.#reader;
      const [cpu, page] = [cpuOf(pid), pageCpuOf(pid)];
      const sample = await this.#call(name, argument);
      return { ...sample, cpu: cpuOf(pid) - cpu, page: pageCpuOf(pid) - page };
    };
  }

  kelp(file, options, { pool, bytes, before } = {}) {
    return this.way("kelp", { file: file.name, options, pool, bytes }, before);
  }

  rival(file, by, width, before) {
    return this.way("rival", { file: file.name, by, width }, before);
  }

  memory() {
    return rendererMemory(this.#reader.pid);
  }

  #call(name, argument) {
    return this.#reader.call(name, argument);
  }
}

async function bench() {
  const { names, ...options } = parse(process.argv.slice(2));
  const hosts = new Set(names.map((name) => CELLS[name].host));
  for (const host of hosts) await runAll(names.filter((name) => CELLS[name].host === host), host, options);
  report();
}

/** Runs cells in one page. `host`: the name of the page's origin. */
async function runAll(names, host, options) {
  const reader = options.inNode ? await openNode() : await openPage({ host });
  const work = new Bench(reader, options);
  try {
    for (const name of names) await run(name, work);
  } finally {
    await work.endStores();
    await reader.stop();
  }
}

function parse(words) {
  const flags = words.filter((word) => word.startsWith("--"));
  const inNode = flags.includes("--node");
  const known = inNode ? IN_NODE : Object.keys(CELLS);
  const names = words.filter((word) => !word.startsWith("--"));
  const unknown = [...names.filter((name) => !known.includes(name)), ...flags.filter((flag) => !["--quick", "--node"].includes(flag))];
  if (unknown.length > 0) throw new Failure(`there is no ${unknown.join(", ")}: ${[...known, "--quick", "--node"].join(", ")}`);
  return { names: names.length > 0 ? names : known, quick: flags.includes("--quick"), inNode };
}

async function openNode() {
  const child = await startChild("node.mjs");
  return { ...child, call: child.ask };
}

async function run(name, work) {
  const begin = performance.now();
  console.log(`\n## ${name}: ${CELLS[name].title}${work.inNode ? " (Node)" : ""}\n`);
  try {
    await CELLS[name].run(work);
  } finally {
    await work.endStores();
  }
  console.log(`${((performance.now() - begin) / 1000).toFixed(0)} s`);
}

await main(bench);
