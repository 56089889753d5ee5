// The gateway as `wrangler` builds and runs it from wrangler.toml. Needs a wrangler: WRANGLER=<its path>, or on PATH.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { COMPATIBILITY } from "../../scripts/edge.mjs";
import { root, target } from "../../scripts/command.mjs";
import { encoded, get, sha256, startStore } from "./support.mjs";

const WRANGLER = process.env.WRANGLER ?? "wrangler";
const ENV = { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_SEND_ERROR_REPORTS: "false", WRANGLER_HIDE_BANNER: "true", CI: "1" };

test("the compatibility settings of the tests are in wrangler.toml", () => {
  const toml = readFileSync(join(root, "gateway/wrangler.toml"), "utf8");
  const { compatibilityDate, compatibilityFlags } = COMPATIBILITY;
  assert.ok(toml.includes(`\ncompatibility_date = "${compatibilityDate}"\n`));
  assert.deepEqual(JSON.parse(/\ncompatibility_flags = (.*)\n/.exec(toml)[1]), compatibilityFlags);
});

describe("by wrangler", { skip: missing(), timeout: 120_000 }, () => {
  let folder;
  let store;
  let dev;
  before(async () => {
    folder = project();
    store = await startStore({ cluster: "cipher" });
    dev = await startDev(folder, { FILER: store.filer, ALLOW_PREFIXES: "/", PUBLIC: "yes", SUBREQUESTS: "1000", DIRECT: "yes" });
  }, { timeout: 60_000 });
  after(async () => {
    await dev?.close();
    await store?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("encrypted and plain files are served, whole and in ranges", async () => {
    store.addFile({ path: "/plain.bin", bytes: Buffer.alloc(300_000, "plain"), chunkSize: 100_000 });
    const plain = await get(`${dev.origin}/plain.bin`);
    assert.deepEqual([plain.status, plain.bytes.equals(Buffer.alloc(300_000, "plain"))], [200, true]);
    const { path, size, sha256: right, ranges } = store.cases.find(({ name }) => name === "film");
    const film = await get(dev.origin + encoded(path));
    assert.deepEqual([film.status, film.headers.get("content-length"), sha256(film.bytes)], [200, String(size), right]);
    for (const { start, end, sha256: part } of ranges.filter(({ start, end }) => start < end && end <= size)) {
      const ranged = await get(dev.origin + encoded(path), { headers: { range: `bytes=${start}-${end - 1}` } });
      assert.deepEqual([ranged.status, sha256(ranged.bytes)], [206, part], `${start}..${end}`);
    }
  });

  test("the deployment contains the wasm and causes no warning", () => {
    const out = join(folder, "out");
    const { status, stdout, stderr } = spawnSync(WRANGLER, ["deploy", "--dry-run", "--outdir", out], { cwd: folder, env: ENV, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stdout + stderr, /warning/i);
    assert.ok(readdirSync(out).some((name) => name.endsWith(".wasm")) && existsSync(join(out, "index.js")));
  });
});

/** Why wrangler cannot be run; `false` if it can. */
function missing() {
  try {
    execFileSync(WRANGLER, ["--version"], { env: ENV, stdio: ["ignore", "ignore", "pipe"] });
    return false;
  } catch (error) {
    if (error.code === "ENOENT") return `there is no ${WRANGLER}: npm i wrangler, outside the repository, and WRANGLER=<node_modules/.bin/wrangler>`;
    return `${WRANGLER} does not run: ${String(error.stderr).trim().split("\n")[0]}`;
  }
}

/** A copy of the gateway as its own project, with the installed package. */
function project() {
  const folder = mkdtempSync(join(tmpdir(), "kelp-wrangler-"));
  cpSync(join(root, "gateway"), folder, { recursive: true, filter: (path) => !path.includes("node_modules") });
  mkdirSync(join(folder, "node_modules/.mf"), { recursive: true });
  symlinkSync(join(target, "pack/consumer/node_modules/kelp-stream"), join(folder, "node_modules/kelp-stream"));
  // Without this file, wrangler would ask the network for its location.
  writeFileSync(join(folder, "node_modules/.mf/cf.json"), "{}");
  return folder;
}

async function startDev(folder, vars) {
  const args = ["dev", "--ip", "127.0.0.1", "--port", "0", "--inspector-port", "0", "--show-interactive-dev-session=false"];
  const given = Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  // Its own process group, since it starts other processes.
  const child = spawn(WRANGLER, [...args, ...given], { cwd: folder, env: ENV, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const kill = () => process.kill(-child.pid, "SIGKILL");
  process.once("exit", kill);
  let said = "";
  const ready = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => {
      said += data;
      const [, origin] = /Ready on (http:\S+)/.exec(said) ?? [];
      if (origin) resolve(origin);
    });
  });
  const failed = gone.then(() => Promise.reject(new Error(`wrangler ended: ${said}`)));
  failed.catch(() => {});
  const close = async () => {
    process.off("exit", kill);
    kill();
    await gone;
  };
  return { origin: await Promise.race([ready, failed]), close };
}
