// The examples that need no page: Node, a worker in workerd, and the React hook with a stand-in for React.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { root } from "../../scripts/command.mjs";
import { bundleWorker, startWorker } from "../../scripts/edge.mjs";
import { consumer } from "../package/support.mjs";
import { sha256 } from "../store/index.mjs";
import { example, startFilm } from "./support.mjs";

const TIME = { timeout: 60_000 };

let film;
before(async () => { film = await startFilm(); });
after(() => film?.store.close());

// Node: where the package is installed, as in a user's project.
function copy(...args) {
  cpSync(join(example("node"), "copy.mjs"), join(consumer, "copy.mjs"));
  return promisify(execFile)(process.execPath, [join(consumer, "copy.mjs"), ...args], { encoding: "buffer", maxBuffer: Infinity });
}

test("node: a file is copied to standard output", TIME, async () => {
  const { stdout, stderr } = await copy(film.url);
  assert.equal(sha256(stdout), film.sha256);
  assert.match(String(stderr), /^film\.webm: 2327031 bytes of video\/webm$/m);
});

test("node: a file is copied to disk", TIME, async () => {
  const destination = join(consumer, "copied.webm");
  await copy(film.url, destination);
  assert.equal(sha256(await readFile(destination)), film.sha256);
});

test("node: an error is reported, and the exit code says so", TIME, async () => {
  await assert.rejects(copy(`${film.url}.missing`), ({ code, stderr }) => code === 1 && /^not_found: /.test(String(stderr)));
});

test("worker: it serves files below its prefix, in ranges", TIME, async (context) => {
  const worker = await startWorker(await bundleWorker(join(example("worker"), "worker.js")), { FILER: film.store.filer, PREFIX: "/d/" });
  context.after(worker.close);
  const part = await fetch(`${worker.origin}/d/film.webm`, { headers: { range: "bytes=1000-1009" } });
  assert.deepEqual([part.status, part.headers.get("content-range")], [206, `bytes 1000-1009/${film.size}`]);
  const whole = await fetch(`${worker.origin}/d/film.webm`);
  assert.equal(whole.headers.get("content-security-policy"), "sandbox");
  assert.equal(sha256(Buffer.from(await whole.arrayBuffer())), film.sha256);
  assert.equal((await fetch(`${worker.origin}/d/missing.webm`)).status, 404);
  assert.equal((await fetch(`${worker.origin}/e/film.webm`)).status, 404);
});

/** The hook and the component, with the stand-in for React. */
async function importReact() {
  const outfile = join(consumer, "react-example.mjs");
  await build({
    stdin: { contents: 'export * from "./kelp.js"; export { render } from "react";', resolveDir: example("react") },
    outfile, bundle: true, format: "esm", external: ["kelp-stream"], logLevel: "warning",
    alias: { react: join(root, "tests/examples/react.mjs") },
  });
  return import(pathToFileURL(outfile));
}

test("react: progress, then a video; unmounting revokes its URL", TIME, async () => {
  const { render, KelpVideo } = await importReact();
  const shown = [];
  const unmount = render(KelpVideo, { url: film.url }, (element) => shown.push(element));
  while (!["video", "p"].includes(shown.at(-1).type)) await new Promise((turn) => setTimeout(turn, 5));
  const { type, props } = shown.at(-1);
  assert.equal(type, "video");
  assert.equal((await (await fetch(props.src)).blob()).size, film.size);
  assert.ok(shown.some((element) => element.type === "progress" && element.props.value === film.size && element.props.max === film.size));
  unmount();
  await assert.rejects(fetch(props.src));
});

test("react: an error is shown; unmounting stops every request", TIME, async () => {
  const { render, KelpVideo } = await importReact();
  let shown;
  const unmount = render(KelpVideo, { url: `${film.url}.missing` }, (element) => { shown = element; });
  while (shown.type !== "p") await new Promise((turn) => setTimeout(turn, 5));
  assert.match(shown.props.children[0], /^not_found: /);
  unmount();

  // The pool keeps the chunks of the film, which the test before has read.
  const { path } = film.store.addFile({ path: "/d/other.bin", bytes: Buffer.alloc(1_000_000), chunkSize: 100_000 });
  film.store.latency = 500;
  const cancel = render(KelpVideo, { url: film.store.filer + path }, () => {});
  while (film.store.inFlight === 0) await new Promise((turn) => setTimeout(turn, 5));
  cancel();
  while (film.store.inFlight > 0) await new Promise((turn) => setTimeout(turn, 5));
  film.store.latency = 0;
});
