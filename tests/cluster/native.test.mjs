// The program `kelp` with a real SeaweedFS.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { run, target } from "../../scripts/command.mjs";
import { noise, prose } from "../store/index.mjs";
import { MIB, ofEachKind } from "./files.mjs";
import { Cluster, skip } from "./weed.mjs";

/** Starts `kelp cat` with 30 s; `ended` resolves to its code and output. */
function cat(...args) {
  const child = spawn(join(target, "debug", "kelp"), ["cat", ...args], { stdio: ["ignore", "pipe", "pipe"], timeout: 30_000 });
  const ended = Promise.all([once(child, "exit"), buffer(child.stdout), buffer(child.stderr)])
    .then(([[code], stdout, stderr]) => ({ code, stdout, stderr: stderr.toString() }));
  return { child, ended };
}

async function succeeds(...args) {
  const { code, stdout, stderr } = await cat(...args).ended;
  assert.equal(code, 0, stderr);
  return { stdout, stderr };
}

describe("kelp cat at a real SeaweedFS", { skip, timeout: 180_000 }, () => {
  let cluster, files, folder;
  before(async () => {
    await run("cargo", ["build", "--locked", "--package", "kelp-cli"]);
    folder = await mkdtemp(join(tmpdir(), "kelp-cat-"));
    cluster = await Cluster.start();
    files = await ofEachKind(cluster, "/cat", { plain: noise("cat", 8 * MIB + 5), gzip: prose("cat", 3 * MIB), encrypted: noise("secret", 3 * MIB + 1) });
  }, { timeout: 170_000 });
  after(async () => {
    await cluster?.stop();
    if (folder) await rm(folder, { recursive: true });
  });

  test("files are copied, relayed and from the volume servers", { timeout: 60_000 }, async () => {
    for (const [kind, { url, content }] of Object.entries(files)) {
      for (const locate of ["proxy", `master=${cluster.master}`]) {
        const { stdout } = await succeeds("--locate", locate, url);
        assert.ok(content.equals(stdout), `${kind}, ${locate}`);
      }
      const { stdout } = await succeeds("-r", "1048570-1048590", url);
      assert.ok(content.subarray(1_048_570, 1_048_591).equals(stdout), kind);
    }
  });

  test("an interrupted copy is continued", { timeout: 60_000 }, async () => {
    const { url, content } = files.plain;
    const output = join(folder, "f.bin");
    const { child, ended } = cat("-o", output, "--throttle", "4M", url);
    while ((await stat(`${output}.part`).catch(() => ({ size: 0 }))).size < 3 * MIB) await sleep(20);
    child.kill("SIGINT");
    assert.equal((await ended).code, 130);
    const { stderr } = await succeeds("-o", output, "--json", url);
    // What was written last has no digest yet, so it is fetched again.
    assert.ok(JSON.parse(stderr).resumedAt >= 2.5 * MIB, stderr);
    assert.ok(content.equals(await readFile(output)));
  });

  test("a copy survives a killed volume server", { timeout: 60_000 }, async () => {
    const { url, content } = files.plain;
    const { child, ended } = cat("--locate", `master=${cluster.master}`, "--throttle", "4M", "--max-bytes-ahead", "1M", url);
    await once(child.stdout, "readable");
    await cluster.killVolume(cluster.volumes[0]);
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stderr);
    assert.ok(content.equals(stdout));
  });
});
