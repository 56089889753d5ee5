// `npm run bench:native`: `kelp cat` beside `curl` of the filer's own GET, on the stand-in and, where there is one, on a real
// SeaweedFS. Runs take turns; what is printed are medians and their ratios. `-- --quick` for fewer runs.
import { fork, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { Failure, find, main, root, run, target } from "../scripts/command.mjs";
import { Cluster, weed } from "../tests/cluster/weed.mjs";

const ROUNDS = process.argv.includes("--quick") ? 3 : 9;
const CHUNKS = 64;
const CHUNK = 64 * 1024;
const LATENCIES = [0, 5, 20];
const kelp = join(target, "release", "kelp");

async function bench() {
  if (!find("curl")) throw new Failure("there is no curl");
  await run("cargo", ["build", "--release", "--package", "kelp-cli"]);
  await onStandIn();
  if (weed()) await onCluster();
  else console.log("SeaweedFS: SKIPPED, put `weed` on PATH or its path into WEED");
}

/** The stand-in's filer answers a GET of a file from memory and without the latency: one chunk after the other is what it stands for. */
async function onStandIn() {
  const store = await startStore();
  try {
    const { filer, volumes } = await store.ask("about");
    const { path, fileIds } = await store.ask("addFile", { path: "/b.bin", content: "noise:b", length: CHUNKS * CHUNK, chunkSize: CHUNK });
    const each = fileIds.map((id) => `${volumes[0]}/${id}`);
    const wide = (width) => [kelp, ["cat", "--concurrency", `${width}`, filer + path]];
    for (const latency of LATENCIES) {
      await store.ask("setLatency", latency);
      const ways = { curl: ["curl", ["-sS", filer + path]], chunks: ["curl", ["-sS", ...each]], one: wide(1), four: wide(4), six: wide(6) };
      const { curl, chunks, one, four, six } = await medians(ways);
      console.log(
        `stand-in, ${latency} ms a chunk: curl of the filer ${ms(curl)}, curl of chunk after chunk ${ms(chunks)}, kelp 1/4/6 wide ` +
          `${ms(one)}/${ms(four)}/${ms(six)}; chunk after chunk over kelp: ${ratio(chunks, one)}/${ratio(chunks, four)}/${ratio(chunks, six)}`,
      );
    }
  } finally {
    store.stop();
  }
}

/** A file of 1 MiB chunks: the filer's GET has its prefetcher, kelp asks the volume servers. */
async function onCluster() {
  const cluster = await Cluster.start();
  try {
    for (const [name, filer] of [["plain", cluster.filer], ["encrypted", cluster.cipherFiler]]) {
      const url = `${filer}/b.bin`;
      const { ok, status } = await fetch(url, { method: "PUT", body: randomBytes(64 << 20) });
      if (!ok) throw new Failure(`the filer answers ${status}`);
      const direct = ["cat", "--locate", `master=${cluster.master}`, url];
      const { curl, relayed, kelpDirect } = await medians({ curl: ["curl", ["-sS", url]], relayed: [kelp, ["cat", url]], kelpDirect: [kelp, direct] });
      console.log(
        `SeaweedFS, ${name}: curl of the filer ${ms(curl)}, kelp through the filer ${ms(relayed)}, kelp from the volume servers ` +
          `${ms(kelpDirect)}; curl over kelp: ${ratio(curl, relayed)}, ${ratio(curl, kelpDirect)}`,
      );
    }
  } finally {
    await cluster.stop();
  }
}

async function medians(ways) {
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, [program, args]] of Object.entries(ways)) {
      const took = await timed(program, args);
      if (round >= 0) times[name].push(took);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, list.sort((a, b) => a - b)[list.length >> 1]]));
}

async function timed(program, args) {
  const start = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Failure(`${program} ended with code ${code}`);
  return performance.now() - start;
}

async function startStore() {
  const child = fork(join(root, "benches", "store.mjs"), [""]);
  await once(child, "message");
  let count = 0;
  const ask = async (method, ...args) => {
    const id = ++count;
    child.send({ id, method, args });
    const [answer] = await once(child, "message");
    if (answer.error) throw new Failure(answer.error);
    return answer.result;
  };
  return { ask, stop: () => child.disconnect() };
}

const ms = (time) => `${time.toFixed(0)} ms`;
const ratio = (over, under) => (over / under).toFixed(2);

await main(bench);
