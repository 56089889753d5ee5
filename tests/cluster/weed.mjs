// A real SeaweedFS on loopback, of processes that this module starts and ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { find } from "../../scripts/command.mjs";

/** Path of SeaweedFS's program; `null` if there is none. `WEED` in the environment decides. */
export const weed = () => process.env.WEED || find("weed");

/** A master, three volume servers with two replicas of each volume, a filer that encrypts and one that does not. */
export class Cluster {
  /** Origins: "http://127.0.0.1:<port>". */
  master; volumes = []; filer; cipherFiler;
  #folder; #processes = new Map();

  static async start() {
    const cluster = new Cluster();
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async #start() {
    this.#folder = await mkdtemp(join(tmpdir(), "kelp-weed-"));
    const master = await this.#run("master", (folder) => [`-mdir=${folder}`, "-volumeSizeLimitMB=64", "-defaultReplication=001", "-telemetry=false", "-peers=none"]);
    this.master = master.origin;
    const named = `-master=${master.address}`;
    for (const index of [0, 1, 2]) {
      const volume = await this.#run("volume", (folder) => [`-dir=${folder}`, "-max=20", "-minFreeSpace=0", named], `volume${index}`);
      this.volumes.push(volume.origin);
    }
    await this.#until(async () => (await json(`${this.master}/dir/assign?replication=001`)).fid, "the master assigns file ids");
    const filer = async (name, ...flags) =>
      (await this.#run("filer", (folder) => [`-defaultStoreDir=${folder}`, "-maxMB=1", `-filerGroup=${name}`, named, ...flags], name)).origin;
    this.filer = await filer("plain");
    this.cipherFiler = await filer("cipher", "-encryptVolumeData");
    for (const origin of [this.filer, this.cipherFiler]) {
      await this.#until(async () => (await put(`${origin}/ready.txt`, "ready")).ok, `the filer at ${origin} takes files`);
    }
  }

  /** Starts one server. Its folder is its working directory and its home: no configuration of this machine is found. */
  async #run(kind, flags, name = kind) {
    const folder = join(this.#folder, name);
    await mkdir(folder);
    const port = await freePort();
    const args = [kind, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", `-port=${port}`, ...flags(folder)];
    const log = openSync(join(this.#folder, `${name}.log`), "w");
    const child = spawn(weed(), args, { cwd: folder, env: { PATH: process.env.PATH, HOME: folder }, stdio: ["ignore", log, log] });
    closeSync(log); // the child has its own by now
    this.#processes.set(name, child);
    child.once("error", (error) => (child.failure = error));
    return { origin: `http://127.0.0.1:${port}`, address: `127.0.0.1:${port}` };
  }

  /** Ends a volume server as a crash would. */
  async killVolume(origin) {
    await this.#end(`volume${this.volumes.indexOf(origin)}`);
  }

  /** Ends all that was started, and removes all that it wrote. */
  async stop() {
    await Promise.all([...this.#processes.keys()].map((name) => this.#end(name)));
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(name) {
    const child = this.#processes.get(name);
    if (child.failure || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  // A server that is not up yet refuses connections, or says that it is not ready.
  async #until(condition, what) {
    const end = Date.now() + 30_000;
    let last = null;
    while (Date.now() < end) {
      try {
        if (await condition()) return;
      } catch (error) {
        last = error;
      }
      await this.#checkRunning();
      await sleep(100);
    }
    throw new Error(`waited in vain until ${what}`, { cause: last });
  }

  async #checkRunning() {
    for (const [name, { failure, exitCode }] of this.#processes) {
      if (failure) throw failure;
      if (exitCode !== null) throw new Error(`${name} ended with code ${exitCode}:\n${await readFile(join(this.#folder, `${name}.log`), "utf8")}`);
    }
  }
}

/** Stores bytes or text at a filer. */
export function put(url, body, { type = "application/octet-stream" } = {}) {
  return fetch(url, { method: "PUT", body, headers: { "content-type": type } });
}

export async function json(url) {
  return (await fetch(url)).json();
}

// SeaweedFS speaks gRPC at the port of its HTTP plus 10000: both must be free.
async function freePort() {
  for (let tries = 0; tries < 100; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
  throw new Error("no pair of free ports was found");
}

async function isFree(port) {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return true;
  } catch (error) {
    if (error.code === "EADDRINUSE") return false;
    throw error;
  } finally {
    server.close();
  }
}
