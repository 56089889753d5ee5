// `npm run bench:edge`: compares the gateway with a ten-line worker that passes the same bytes through, both in workerd without
// miniflare. Prints time and CPU of the workerd process, medians of interleaved rounds; once with TLS, which clients on other machines
// use, and once without: then the kernel moves the bytes of the ten-line worker, which is not possible if several bodies are joined.
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { fileURLToPath } from "node:url";
import { Failure, main } from "../scripts/command.mjs";
import { bundleWorker, startBareWorker } from "../scripts/edge.mjs";
import { certificate } from "../tests/store/certificate.mjs";

const MIB = 2 ** 20;
const SIZE = 32 * MIB;
const ROUNDS = Number(process.env.ROUNDS ?? 15);
/** CPU over ten lines with TLS, at most. */
const GOALS = { "plain, 8 chunks, passed through": 1.1, "plain, 8 chunks, passed through, CRC-32C checked": 1.25, "plain, 8 chunks, MD5 checked": 2.5, "encrypted, 8 chunks": 2 };

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
// Linux counts CPU time in hundredths of a second.
const TICK_MS = 10;

async function bench() {
  const store = await startStore();
  try {
    const { filer } = await store.ask("about");
    const file = (name, about) => store.ask("addFile", { path: `/${name}.bin`, content: "noise:edge", length: SIZE, ...about });
    const { fileIds } = await file("one", { chunkSize: SIZE });
    const { fileIds: eight } = await file("plain", { chunkSize: 4 * MIB });
    await file("small", { chunkSize: MIB });
    await file("cipher", { chunkSize: 4 * MIB, cipher: true });
    console.log(`${SIZE / MIB} MiB through workerd, Node on both sides, medians of ${ROUNDS} interleaved rounds`);
    for (const keys of [certificate(), null]) await table(keys, { filer, one: fileIds[0], eight });
  } finally {
    await store.close();
  }
}

async function table(keys, { filer, one, eight }) {
  const started = [];
  const worker = async (modules, bindings, path) => {
    const running = await startBareWorker(modules, bindings, { certificate: keys });
    started.push(running);
    return { ...running, path, ca: keys?.cert };
  };
  try {
    const gateway = await bundleWorker();
    const vars = { FILER: filer, ALLOW_PREFIXES: "/", PUBLIC: "yes", SUBREQUESTS: "1000" };
    const [script] = await bundleWorker(here("tenline.mjs"));
    const [joined] = await bundleWorker(here("joined.mjs"));
    const body = `/?proxyChunkId=${one}`;
    const ways = {
      "ten lines": await worker([script], { ORIGIN: filer }, body),
      "ten lines, again": await worker([script], { ORIGIN: filer }, body),
      "8 chunks, joined and nothing else": await worker([joined], { ORIGIN: filer, FILE_IDS: eight.join(" "), LENGTH: String(SIZE) }, "/"),
      "plain, one chunk, passed through": await worker(gateway, { ...vars, VERIFY: "off" }, "/one.bin"),
      "plain, 8 chunks, passed through": await worker(gateway, { ...vars, VERIFY: "off" }, "/plain.bin"),
      "plain, 32 chunks, passed through": await worker(gateway, { ...vars, VERIFY: "off" }, "/small.bin"),
      "plain, 8 chunks, passed through, CRC-32C checked": await worker(gateway, { ...vars, VERIFY: "transit" }, "/plain.bin"),
      "plain, 8 chunks, passed through, MD5 checked": await worker(gateway, { ...vars, DIRECT: "yes" }, "/plain.bin"),
      "plain, 8 chunks, unverified": await worker(gateway, { ...vars, VERIFY: "off", DIRECT: "no" }, "/plain.bin"),
      "plain, 8 chunks, MD5 checked": await worker(gateway, vars, "/plain.bin"),
      "plain, 8 chunks, CRC-32C checked": await worker(gateway, { ...vars, VERIFY: "transit", DIRECT: "no" }, "/plain.bin"),
      "encrypted, 8 chunks": await worker(gateway, vars, "/cipher.bin"),
    };
    print(keys ? "with TLS" : "without TLS", await measure(ways), keys ? GOALS : {});
  } finally {
    for (const { close } of started.reverse()) await close();
  }
}

async function measure(ways) {
  const names = Object.keys(ways);
  const taken = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -2; round < ROUNDS; round++) {
    for (const i of names.keys()) {
      const name = names[(i + round + 2) % names.length];
      const ms = await download(ways[name]);
      if (round >= 0) taken[name].push(ms);
    }
  }
  // Ticks are coarse, so CPU is measured over all rounds together.
  return names.map((name) => ({ name, ms: median(taken[name]), cpu: (cpuOf(ways[name].pid) - ways[name].before) / taken[name].length }));
}

async function download(way) {
  way.rounds = (way.rounds ?? 0) + 1;
  // The warm-up is not counted.
  if (way.rounds === 3) way.before = cpuOf(way.pid);
  const start = performance.now();
  const { get } = way.ca ? https : http;
  const [response] = await once(get(way.origin + way.path, { ca: way.ca }), "response");
  let length = 0;
  for await (const piece of response) length += piece.length;
  if (response.statusCode !== 200) throw new Failure(`${way.path}: ${response.statusCode}`);
  if (length !== SIZE) throw new Failure(`${way.path}: ${length} bytes`);
  return performance.now() - start;
}

function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

function print(title, rows, goals) {
  const [base] = rows;
  const mib = SIZE / MIB;
  console.log(`\n| ${title} | ms per MiB | over ten lines | CPU ms per MiB | over ten lines | goal |\n|---|---|---|---|---|---|`);
  for (const { name, ms, cpu } of rows) {
    console.log(`| ${name} | ${(ms / mib).toFixed(2)} | ${(ms / base.ms).toFixed(2)}x | ${(cpu / mib).toFixed(2)} | ${(cpu / base.cpu).toFixed(2)}x | ${goals[name] ? `${goals[name]}x` : ""} |`);
  }
}

/** The stand-in in another process. */
async function startStore() {
  const child = fork(here("store.mjs"), [], { serialization: "advanced" });
  const gone = once(child, "exit");
  await Promise.race([once(child, "message"), gone.then(() => Promise.reject(new Failure("the store did not start")))]);
  const ask = async (method, ...args) => {
    child.send({ id: 0, method, args });
    const [{ result, error }] = await once(child, "message");
    if (error) throw new Failure(error);
    return result;
  };
  const close = async () => {
    child.kill();
    await gone;
  };
  return { ask, close };
}

await main(bench);
