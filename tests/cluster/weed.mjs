// Starts and ends a real SeaweedFS on loopback.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { find } from "../../scripts/command.mjs";

/** Path of the program weed, `null` if there is none. `WEED` in the environment overrides the search. */
export const weed = () => process.env.WEED || find("weed");

/** The option `skip` of a test: `false`, or the reason. */
export const skip = weed() ? false : "there is no SeaweedFS here: put `weed` on PATH or its path into WEED";

/** A master, volume servers with two replicas of each volume, a filer that encrypts and one that does not, an S3 gateway. */
export class Cluster {
  /** Origins: "http://127.0.0.1:<port>". */
  master; volumes = []; filer; cipherFiler; s3;
  #folder; #processes = new Map(); #security;

  /**
   * `security`: a security.toml for all servers; without it, no server requires a token. `readMode`: what a volume server does with
   * requests for a volume of another.
   */
  static async start({ volumes = 3, cipher = true, s3 = false, security = "", readMode = "proxy" } = {}) {
    const cluster = new Cluster();
    cluster.#security = security;
    try {
      await cluster.#start({ volumes, cipher, s3, readMode });
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async #start({ volumes, cipher, s3, readMode }) {
    this.#folder = await mkdtemp(join(tmpdir(), "kelp-weed-"));
    const master = await this.#run("master", "master", (folder) => [`-mdir=${folder}`, "-volumeSizeLimitMB=64", "-defaultReplication=001", "-telemetry=false", "-peers=none"]);
    this.master = master.origin;
    const named = `-master=${master.address}`;
    for (let index = 0; index < volumes; index++) {
      const volume = await this.#run(`volume${index}`, "volume", (folder) => [`-dir=${folder}`, "-max=20", "-minFreeSpace=0", `-readMode=${readMode}`, named]);
      this.volumes.push(volume.origin);
    }
    await until(async () => (await json(`${this.master}/dir/assign?replication=001`)).fid, "the master assigns file ids", this);
    const filer = (name, ...flags) =>
      this.#run(name, "filer", (folder) => [`-defaultStoreDir=${folder}`, "-maxMB=1", `-filerGroup=${name}`, named, ...flags]);
    const plain = await filer("plain");
    this.filer = plain.origin;
    if (cipher) this.cipherFiler = (await filer("cipher", "-encryptVolumeData")).origin;
    if (s3) this.s3 = (await this.#run("s3", "s3", () => [`-filer=${plain.address}`, "-port.iceberg=0", "-port.lance=0"])).origin;
    for (const origin of [this.filer, this.cipherFiler].filter(Boolean)) {
      await until(async () => (await put(`${origin}/ready.txt`, "ready")).ok, `the filer at ${origin} takes files`, this);
    }
  }

  /** Starts one server. Its folder is its working directory and home, so that it finds no configuration of this machine. */
  async #run(name, kind, flags) {
    const folder = join(this.#folder, name);
    await mkdir(folder);
    if (this.#security) await writeFile(join(folder, "security.toml"), this.#security);
    const port = await freePort();
    const args = [kind, "-ip.bind=127.0.0.1", `-port=${port}`, ...flags(folder)];
    if (kind !== "s3") args.push("-ip=127.0.0.1");
    this.#spawn(name, args);
    return { origin: `http://127.0.0.1:${port}`, address: `127.0.0.1:${port}` };
  }

  #spawn(name, args) {
    const folder = join(this.#folder, name);
    const log = openSync(join(this.#folder, `${name}.log`), "a");
    const child = spawn(weed(), args, { cwd: folder, env: { PATH: process.env.PATH, HOME: folder }, stdio: ["ignore", log, log] });
    closeSync(log); // the child has its own copy
    this.#processes.set(name, { child, args });
    child.once("error", (error) => (child.failure = error));
  }

  /** Kills a volume server, as a crash does. */
  async killVolume(origin) {
    await this.#end(this.#nameOf(origin));
  }

  /** Starts killed volume servers again with their volumes; does not wait until they serve. */
  startVolumes() {
    for (const name of this.volumes.map((origin) => this.#nameOf(origin))) {
      const { child, args } = this.#processes.get(name);
      if (hasEnded(child)) this.#spawn(name, args);
    }
  }

  /** Waits until the master knows this many replicas of each of these volumes. */
  async replicated(volumeIds, count) {
    for (const id of volumeIds) {
      await until(async () => (await this.holders(id)).length === count, `volume ${id} has ${count} replicas`, this);
    }
  }

  /** The origins of the servers that hold a volume, from the master. */
  async holders(volumeId) {
    const { locations = [] } = await json(`${this.master}/dir/lookup?volumeId=${volumeId}`);
    return locations.map(({ url }) => `http://${url}`);
  }

  /** The folder with the volumes of a volume server. */
  folderOf(origin) {
    return join(this.#folder, this.#nameOf(origin));
  }

  /** Runs commands in `weed shell`; resolves to its output. */
  async shell(...commands) {
    const folder = join(this.#folder, "shell");
    await mkdir(folder, { recursive: true });
    const child = spawn(weed(), ["shell", `-master=${new URL(this.master).host}`], { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } });
    const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
    let printed = "";
    for (const pipe of [child.stdout, child.stderr]) pipe.on("data", (data) => (printed += data));
    child.stdin.end(commands.map((command) => `${command}\n`).join(""));
    await once(child, "exit");
    clearTimeout(timer);
    return printed;
  }

  /** Ends all servers, and removes their files. */
  async stop() {
    await Promise.all([...this.#processes.keys()].map((name) => this.#end(name)));
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }

  #nameOf(origin) {
    return `volume${this.volumes.indexOf(origin)}`;
  }

  async #end(name) {
    const { child } = this.#processes.get(name);
    if (hasEnded(child)) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** Throws if a server ended by itself. */
  async checkRunning() {
    for (const [name, { child }] of this.#processes) {
      if (child.failure) throw child.failure;
      if (child.exitCode) throw new Error(`${name} ended with code ${child.exitCode}:\n${await readFile(join(this.#folder, `${name}.log`), "utf8")}`);
    }
  }
}

const hasEnded = (child) => Boolean(child.failure) || child.exitCode !== null || child.signalCode !== null;

// A server that is starting refuses connections, or responds that it is not ready.
async function until(condition, what, cluster) {
  const end = Date.now() + 30_000;
  let last = null;
  while (Date.now() < end) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    await cluster.checkRunning();
    await sleep(100);
  }
  throw new Error(`not in time: ${what}`, { cause: last });
}

/** Stores bytes or text at a filer. */
export function put(url, body, { type = "application/octet-stream" } = {}) {
  return fetch(url, { method: "PUT", body, headers: { "content-type": type } });
}

export async function json(url) {
  return (await fetch(url)).json();
}

// SeaweedFS uses its HTTP port plus 10000 for gRPC: both must be free.
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
