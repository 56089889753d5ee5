// `npm run bench:codec`: the wasm module codec beside the crates that its kernels replace, in Node and in Chromium. `-- --node` leaves
// out the browser; `-- --timing` tests whether time depends on secrets.
import { createCipheriv } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { SIMD, compileCodec } from "../scripts/build.mjs";
import { Failure, main, root, run, target } from "../scripts/command.mjs";
import { browser, flags } from "../scripts/install/chromium.mjs";
import { measure } from "./codec/measure.js";

const WASM = "wasm32-unknown-unknown";
const ROUNDS = Number(process.env.ROUNDS ?? 15);
const SAMPLES = Number(process.env.SAMPLES ?? 20_000);

/** Above this Welch's t says that two classes differ, whatever the number of samples (dudect's threshold). */
const THRESHOLD = 4.5;

async function bench() {
  const codec = readFileSync(await compileCodec());
  if (process.argv.includes("--timing")) return timing(codec);
  const work = { codec, rivals: readFileSync(await compileRivals()), cases: cases(), rounds: ROUNDS };
  print(`Node ${process.versions.node}`, await measure(work));
  if (!process.argv.includes("--node")) print("Chromium", await inChromium(work));
}

async function compileRivals() {
  const options = ["--package", "kelp-stream-codec", "--example", "rivals", "--profile", "wasm", "--target", WASM];
  await run("cargo", ["build", ...options], { env: { CARGO_ENCODED_RUSTFLAGS: SIMD.join("\x1f") } });
  return join(target, WASM, "wasm/examples/rivals.wasm");
}

function print(place, rows) {
  console.log(`\n${place}: codec over the crates, medians of ${ROUNDS} interleaved rounds`);
  for (const { name, megabytes, ratios } of rows) {
    const [codec, crate] = megabytes.map((rate) => `${rate.toFixed(0)} MB/s`.padStart(9));
    console.log(`${name.padEnd(34)} ${codec} ${crate}  ${quantile(ratios, 0.5).toFixed(2)}x (quartiles ${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)})`);
  }
}

function cases() {
  const key = noise(32, 7);
  const list = [];
  for (const length of [64 << 10, 1 << 20, 4 << 20]) {
    const size = length >= 1 << 20 ? `${length >> 20} MiB` : `${length >> 10} KiB`;
    const [plain, words, code] = [noise(length, 1), text(length), binary(length)];
    list.push(
      { name: `AES-256-GCM, ${size}`, kind: "gcm", bytes: seal(key, plain), length, key },
      { name: `gzip of text, ${size}`, kind: "gzip", bytes: gzipSync(words), length, key },
      { name: `gzip of binaries, ${size}`, kind: "gzip", bytes: gzipSync(code), length, key },
      { name: `gzip of text in AES-256-GCM, ${size}`, kind: "both", bytes: seal(key, gzipSync(words)), length, key },
    );
  }
  const bytes = noise(4 << 20, 2);
  return [
    ...list,
    ...[1, 2, 3, 4, 7].map((streams) => {
      const part = bytes.subarray(0, streams << 19);
      return { name: `MD5 of ${streams} × 512 KiB`, kind: "md5", bytes: part, length: part.length, key, streams };
    }),
    { name: "CRC-32C, 4 MiB", kind: "crc32c", bytes, length: bytes.length, key },
  ];
}

function noise(length, seed) {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state >>> 11;
  }
  return bytes;
}

// Words with the frequencies of a text: gzip makes a quarter of it.
function text(length) {
  const random = noise(length, 3);
  const words = Array.from({ length: 4000 }, (_, i) => (i * 2654435761 >>> 0).toString(26).slice(0, 2 + (i % 7)).replace(/[0-9]/g, (digit) => "etaoinshrd"[digit]));
  let all = "";
  for (let i = 0; all.length < length; i += 2) all += `${words[Math.floor(4000 * ((random[i % length] * 256 + random[(i + 1) % length]) / 65_536) ** 3)]}${i % 24 === 0 ? ".\n" : " "}`;
  return Buffer.from(all.slice(0, length));
}

// Machine code and tables: gzip makes a half of it.
function binary(length) {
  const file = readFileSync(process.execPath);
  return file.subarray(file.length >> 2, (file.length >> 2) + length);
}

function seal(key, plain) {
  const nonce = Buffer.alloc(12, 9);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

const PAGE = `<!doctype html><script type="module">
import { measure } from "/measure.js";
const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
try {
  const { cases, rounds } = await (await fetch("/work")).json();
  for (const [i, item] of cases.entries()) Object.assign(item, { bytes: await bytes("/case/" + i), key: new Uint8Array(item.key) });
  const rows = await measure({ codec: await bytes("/codec"), rivals: await bytes("/rivals"), cases, rounds });
  await fetch("/result", { method: "POST", body: JSON.stringify({ rows }) });
} catch (error) {
  await fetch("/result", { method: "POST", body: JSON.stringify({ error: String(error) }) });
}
</script>`;

async function inChromium({ codec, rivals, cases, rounds }) {
  if (!browser()) throw new Failure("there is no Chromium: npm run setup, or bench:codec -- --node");
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  const files = new Map([
    ["/", ["text/html", PAGE]],
    ["/measure.js", ["text/javascript", readFileSync(join(root, "benches/codec/measure.js"))]],
    ["/codec", ["application/wasm", codec]],
    ["/rivals", ["application/wasm", rivals]],
    ["/work", ["application/json", JSON.stringify({ rounds, cases: cases.map(({ bytes, key, ...rest }) => ({ ...rest, key: [...key] })) })]],
    ...cases.map(({ bytes }, i) => [`/case/${i}`, ["application/octet-stream", bytes]]),
  ]);
  const server = createServer(async (request, response) => {
    if (request.url === "/result") {
      finish(await json(request));
      return response.end();
    }
    const [type, body] = files.get(request.url) ?? ["text/plain", ""];
    response.writeHead(body === "" ? 404 : 200, { "content-type": type }).end(body);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const folder = await mkdtemp(join(tmpdir(), "kelp-codec-"));
  const child = spawn(browser(), [...flags, `--user-data-dir=${folder}`, `http://127.0.0.1:${server.address().port}/`], { stdio: "ignore" });
  const gone = once(child, "exit");
  const { rows, error } = await Promise.race([finished, gone.then(() => ({ error: "the browser ended" }))]);
  child.kill();
  await gone;
  server.close().closeAllConnections();
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  if (error !== undefined) throw new Failure(error);
  return rows;
}

const now = () => Number(process.hrtime.bigint()) / 1e3;

// Times `next`, which compares the tag and decrypts, of a message whose stored bytes were absorbed.
async function timing(wasm) {
  const { instance } = await WebAssembly.instantiate(wasm);
  const { memory, alloc, open, input, absorb, next, close } = instance.exports;
  const keyAt = alloc(32);
  const prepare = (key, stored) => () => {
    new Uint8Array(memory.buffer).set(key, keyAt);
    const job = open(keyAt, 0, stored.length, Infinity, Infinity, 0);
    new Uint8Array(memory.buffer).set(stored, input(job));
    return job;
  };
  const key = noise(32, 7);
  const wrongTag = (bit) => {
    const stored = seal(key, noise(64, 1));
    stored[stored.length - 16 + (bit >> 3)] ^= 0x80 >> (bit & 7);
    const begin = prepare(key, stored);
    return () => {
      const job = begin();
      absorb(job, stored.length);
      return () => [job, next(job)];
    };
  };
  const ofKey = (keyOf) => () => {
    const key = keyOf();
    const stored = seal(key, Buffer.alloc(16_384));
    const job = prepare(key, stored)();
    return () => {
      absorb(job, stored.length);
      return [job, next(job)];
    };
  };
  const zero = Buffer.alloc(32);
  const random = () => noise(32, 1 + Math.floor(Math.random() * 0x7fff_fffe));
  const both = { close, samples: SAMPLES };
  compare("same class twice", both, wrongTag(0), wrongTag(0));
  compare("tag: first bit wrong, last bit wrong", both, wrongTag(0), wrongTag(127));
  compare("key: zero, random", both, ofKey(() => (random(), zero)), ofKey(random));
}

// The order is random and each class is prepared by the same calls. The slowest tenth of the samples is interrupts, and is left out.
function compare(title, { close, samples: count }, ...classes) {
  const samples = [[], []];
  for (let i = 0; i < count; i++) {
    const which = Math.random() < 0.5 ? 0 : 1;
    const timed = classes[which]();
    const start = now();
    const [job] = timed();
    const taken = now() - start;
    close(job);
    if (i >= 1000) samples[which].push(taken);
  }
  const limit = quantile(samples.flat(), 0.9);
  const [a, b] = samples.map((times) => moments(times.filter((time) => time <= limit)));
  const t = Math.abs(a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count);
  console.log(`${title}: t = ${t.toFixed(2)} of ${THRESHOLD}, means ${a.mean.toFixed(3)} and ${b.mean.toFixed(3)} µs${t > THRESHOLD ? ": THEY DIFFER" : ""}`);
}

function moments(times) {
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const variance = times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / (times.length - 1);
  return { mean, variance, count: times.length };
}

const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))];

await main(bench);
