// `npm run bench:native`: compares `kelp cat` with `curl` of the filer's GET, with the stand-in and, if it is installed, with a real
// SeaweedFS. Runs are interleaved; ratios of medians are printed. `-- --quick`: fewer runs.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { Failure, find, main, run, target } from "../scripts/command.mjs";
import { Cluster, weed } from "../tests/cluster/weed.mjs";
import { startChild } from "./child.mjs";

const ROUNDS = process.argv.includes("--quick") ? 3 : 9;
const KIB = 1024;
const MIB = 1024 * KIB;
const kelp = join(target, "release", "kelp");

async function bench() {
  if (!find("curl")) throw new Failure("curl is not on PATH");
  await run("cargo", ["build", "--release", "--package", "kelp-cli"]);
  console.log("| times as fast as curl | of chunk after chunk | of the filer |\n|---|---|---|");
  await onStandIn();
  if (weed()) await onCluster();
  else console.log("SeaweedFS: SKIPPED, put `weed` on PATH or its path into WEED");
}

/**
 * The filer of the stand-in serves a whole file from memory, without the latency of chunks, so it is as fast as a filer can be. One
 * chunk after the other is what a filer without prefetching does.
 */
async function onStandIn() {
  const store = await startChild("store.mjs", "{}");
  try {
    const { filer, volumes } = await store.ask("about");
    const add = async (name, size, chunkSize) => {
      const { path, fileIds } = await store.ask("addFile", { path: `/${name}`, content: "noise:b", length: size, chunkSize });
      return { url: filer + path, chunks: fileIds.map((id) => `${volumes[0]}/${id}`) };
    };
    const small = await add("small", 4 * MIB, 64 * KIB);
    const large = await add("large", 64 * MIB, MIB);
    for (const latency of [0, 5, 20]) {
      await store.ask("setLatency", latency);
      const wide = (width) => [kelp, ["cat", "--concurrency", `${width}`, small.url]];
      await compare(`stand-in, ${latency} ms, 64 chunks of 64 KiB`, small, { "1 wide": wide(1), "4 wide": wide(4), "6 wide": wide(6) });
      await compare(`stand-in, ${latency} ms, 64 chunks of 1 MiB`, large, {
        "nothing verified": [kelp, ["cat", "--verify", "off", large.url]],
        "MD5 checked": [kelp, ["cat", large.url]],
      });
    }
  } finally {
    await store.stop();
  }
}

/** Files of 1 MiB chunks. The filer's GET uses its prefetching; kelp requests chunks from the filer or the volume servers. */
async function onCluster() {
  const cluster = await Cluster.start();
  try {
    for (const [name, filer] of [["plain", cluster.filer], ["encrypted", cluster.cipherFiler]]) {
      const url = `${filer}/b.bin`;
      const { ok, status } = await fetch(url, { method: "PUT", body: randomBytes(64 * MIB) });
      if (!ok) throw new Failure(`the filer responds with ${status}`);
      const direct = ["cat", "--locate", `master=${cluster.master}`, url];
      await compare(`SeaweedFS, ${name}, 64 chunks of 1 MiB`, { url }, {
        "curl itself (noise)": ["curl", ["-sS", url]],
        "through the filer": [kelp, ["cat", url]],
        "from the volume servers": [kelp, direct],
        ...(name === "plain" && { "from the volume servers, CRC-32C checked": [kelp, [...direct, "--verify", "transit"]] }),
        "from the volume servers, nothing verified": [kelp, [...direct, "--verify", "off"]],
      });
    }
  } finally {
    await cluster.stop();
  }
}

/** Prints a line per way: how many times as fast it is as curl of the whole file, and of one chunk after the other. */
async function compare(name, { url, chunks }, ways) {
  const curls = { curl: ["curl", ["-sS", url]], ...(chunks && { chunks: ["curl", ["-sS", ...chunks]] }) };
  const times = await medians({ ...curls, ...ways });
  for (const way of Object.keys(ways)) {
    const over = (curl) => (curl === undefined ? "" : (curl / times[way]).toFixed(2));
    console.log(`| ${name}, ${way} | ${over(times.chunks)} | ${over(times.curl)} |`);
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

await main(bench);
