// `npm start`, as a program.
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

test("a wrong argument is answered with what is right", async () => {
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

test("it says where to look, and leaves on Ctrl-C", { timeout: 300_000 }, async (context) => {
  const child = run([], { PORT: "0" });
  context.after(() => child.kill());
  while (!/^Open http/m.test(child.printed)) await once(child.stdout, "data");
  const [, origin] = /^Open (http:\/\/127\.0\.0\.1:\d+)\/ and choose film\.webm$/m.exec(child.printed);
  assert.equal((await fetch(origin)).status, 200);
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "close"), [0, null]);
});

test("the page's server gives nothing but the page", async (context) => {
  const { origin } = await started(context);
  const status = async (path, options) => (await fetch(origin + path, options)).status;
  assert.equal(await status("/..%2fpackage.json"), 404);
  assert.equal(await status("/kelp-stream/..%2f..%2fpackage.json"), 404);
  assert.equal(await status("/%"), 404);
  assert.equal(await status("/", { method: "PUT" }), 405);
  assert.equal(await status("/api/store", { method: "POST", body: '{"latency":1,"rate":0}' }), 405);
  const json = { "content-type": "application/json" };
  assert.equal(await status("/api/store", { method: "POST", headers: json, body: '{"latency":-1,"rate":0}' }), 400);
  assert.equal(await status("/api/lookup?store=nowhere&volumeId=1"), 404);
});
