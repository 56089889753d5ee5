// `npm start` as a program.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../scripts/command.mjs";
import { start } from "../../scripts/start.mjs";

function run(args, env = {}) {
  const child = spawn(process.execPath, [join(root, "scripts/start.mjs"), ...args], { cwd: root, env: { ...process.env, ...env } });
  child.printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => { child.printed += bytes; });
  return child;
}

async function started(context) {
  const demo = await start({ port: 0 });
  context.after(demo.close);
  return demo;
}

async function refusal(args, env) {
  const child = run(args, env);
  const [code] = await once(child, "close");
  assert.equal(code, 1);
  return child.printed;
}

test("a wrong argument is refused, with the usage", async () => {
  assert.match(await refusal(["--filler", "http://127.0.0.1:1"]), /not understood: --filler .*\nUsage: npm start/);
  assert.match(await refusal(["--filer"]), /--filer takes the URL of a filer, not nothing/);
  assert.match(await refusal(["--filer", "localhost:8888"]), /--filer takes the URL of a filer, not localhost:8888/);
  assert.match(await refusal([], { PORT: "http" }), /PORT is a number up to 65535, not http/);
});

test("a filer that does not answer is named", async (context) => {
  const { origin, stores } = await started(context);
  assert.match(await refusal(["--filer", `${stores.plain.filer}/d/one.bin`]), /one\.bin does not answer as a directory of a filer/);
  assert.match(await refusal(["--filer", origin]), /does not answer as a directory of a filer/);
});

test("it prints the page's URL, and ends on Ctrl-C", { timeout: 300_000 }, async (context) => {
  const child = run([], { PORT: "0" });
  context.after(() => child.kill());
  while (!/^Open http/m.test(child.printed)) await once(child.stdout, "data");
  const [, origin] = /^Open (http:\/\/127\.0\.0\.1:\d+)\/ and choose film\.webm$/m.exec(child.printed);
  assert.equal((await fetch(origin)).status, 200);
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "close"), [0, null]);
});

test("it prints where the store is, and how to read from it", { timeout: 300_000 }, async (context) => {
  const child = run([], { PORT: "0" });
  context.after(() => child.kill());
  while (!/^Ctrl-C/m.test(child.printed)) await once(child.stdout, "data");
  const [, filer] = /^ +filer +(http:\S+)$/m.exec(child.printed);
  const [, master] = /^ +master +(http:\S+)$/m.exec(child.printed);
  const [, film] = /^ +a file +(http:\S+)$/m.exec(child.printed);
  const [, example] = /^ +examples +(http:\S+)$/m.exec(child.printed);
  assert.ok(film.startsWith(`${filer}/`) && child.printed.includes(`kelp-cli -- cat ${film} -o film.webm`));
  assert.ok((await (await fetch(`${film}?metadata=true`)).json()).chunks.length > 0);
  assert.equal((await fetch(`${master}/dir/lookup?volumeId=1`)).status, 200);
  assert.equal(new URL(example).searchParams.get("url"), film);
  assert.match(await (await fetch(example)).text(), /<!doctype html>/);
});

test("the page's server serves the page alone", async (context) => {
  const { origin } = await started(context);
  const status = async (path, options) => (await fetch(origin + path, options)).status;
  assert.equal(await status("/..%2fpackage.json"), 404);
  assert.equal(await status("/kelp-stream/..%2f..%2fpackage.json"), 404);
  assert.equal(await status("/%"), 404);
  assert.equal(await status("/", { method: "PUT" }), 405);
  assert.equal(await status("/api/lookup?store=nowhere&volumeId=1"), 404);
});

test("only the page may change the stores", async (context) => {
  const { origin, stores } = await started(context);
  const json = { "content-type": "application/json" };
  const post = async (path, value, headers) => (await fetch(origin + path, { method: "POST", headers, body: JSON.stringify(value) })).status;
  const slow = { latency: 1, rate: 0 };
  assert.equal(await post("/api/store", slow, json), 403);
  assert.equal(await post("/api/store", slow, { ...json, origin: "http://elsewhere.example" }), 403);
  assert.equal(await post("/api/store", slow, { ...json, origin: origin.replace(/\d+$/, "1") }), 403);
  assert.equal(await post("/api/store", slow, { ...json, origin, "sec-fetch-site": "cross-site" }), 403);
  assert.equal(await post("/api/replica", { store: "plain", index: 0, isAlive: false }, json), 403);
  assert.equal(await post("/api/store", slow, { "content-type": "text/plain", origin }), 415);
  assert.equal(stores.plain.latency, 0);
  assert.equal(await post("/api/store", slow, { ...json, origin }), 200);
  assert.equal(await post("/api/store", slow, { ...json, origin: origin.replace("127.0.0.1", "localhost") }), 200);
  assert.equal(stores.plain.latency, 1);
});

test("impossible settings of a store are refused", async (context) => {
  const { origin } = await started(context);
  const post = async (path, value) => (await fetch(origin + path, { method: "POST", headers: { "content-type": "application/json", origin }, body: JSON.stringify(value) })).status;
  assert.equal(await post("/api/store", { latency: -1, rate: 0 }), 400);
  assert.equal(await post("/api/replica", { store: "nowhere", index: 0, slowness: 2 }), 400);
  assert.equal(await post("/api/replica", { store: "plain", index: 3, slowness: 2 }), 400);
  assert.equal(await post("/api/replica", { store: "plain", index: 0, slowness: 0.5 }), 400);
});

test("a slowed replica has that latency and share of the rate", async (context) => {
  const { standIn, stores } = await started(context);
  standIn.set({ latency: 50, rate: 1_000_000 });
  await standIn.setReplica({ store: "cipher", index: 1, slowness: 10 });
  const { shape } = stores.cipher;
  assert.deepEqual([shape.latencyOf("volume1"), shape.rateOf("volume1")], [500, 100_000]);
  standIn.set({ latency: 100, rate: 0 });
  assert.deepEqual([shape.latencyOf("volume1"), shape.rateOf("volume1") > 0], [1000, true]);
  assert.deepEqual([shape.latencyOf("volume0"), shape.rateOf("volume0")], [100, 0]);
  await standIn.setReplica({ store: "cipher", index: 1, slowness: 1 });
  assert.equal(shape.latencyOf("volume1"), 100);
});

test("every chunk of the demo is on two servers", async (context) => {
  const { stores } = await started(context);
  for (const { master } of Object.values(stores)) {
    for (let volume = 1; volume < 7; volume++) {
      const { locations } = await (await fetch(`${master}/dir/lookup?volumeId=${volume}`)).json();
      assert.equal(locations.length, 2, `${master} volume ${volume}`);
    }
  }
});
