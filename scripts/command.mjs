// Runs other programs, and the scripts themselves.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository. Programs run in it by default. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** Cargo's target folder. */
export const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

/** The contents of package.json. */
export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** An error that is printed without its stack. */
export class Failure extends Error {}

/**
 * Runs a program. Its output is passed on to the terminal while it runs; resolves to its standard output.
 * @throws {Failure} if it cannot be started, or does not end with code 0
 */
export function run(program, args, { env = {}, cwd = root } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    child.stdout.on("data", (bytes) => {
      printed += bytes;
      process.stdout.write(bytes);
    });
    child.on("error", (error) => fail(new Failure(`${program} cannot be started: ${error.message}`)));
    child.on("close", (code, signal) =>
      code === 0 ? done(printed) : fail(new Failure(`${[program, ...args].join(" ")} ended with ${signal ?? `code ${code}`}`)),
    );
  });
}

/** The standard output of a program, trimmed; `null` if it is missing or fails. */
export function ask(program, args) {
  const { status, stdout } = spawnSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: Infinity });
  return status === 0 ? stdout.trim() : null;
}

/**
 * Runs a program that may fail. Returns the error in one line, or `undefined`. It has two minutes, since a registry that is not
 * reachable may not fail but hang.
 */
export function attempt(program, args, cwd) {
  const { status, error, stderr } = spawnSync(program, args, { cwd, encoding: "utf8", timeout: 120_000 });
  if (status === 0) return undefined;
  return error?.message ?? stderr.trim().split("\n").at(-1);
}

/** The path of the first of these programs that is on PATH, or is an absolute path that exists; else `null`. */
export function find(...names) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const paths = names.flatMap((name) => (name.startsWith("/") ? [name] : folders.map((folder) => join(folder, name))));
  return paths.find((path) => existsSync(path)) ?? null;
}

/** Runs the main function of a script. If it fails, prints the reason and ends the process with code 1. */
export async function main(script) {
  try {
    await script();
  } catch (error) {
    console.error(error instanceof Failure ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

/** Whether this module is the script that node was started with. */
export const isMain = (meta) => process.argv[1] !== undefined && fileURLToPath(meta.url) === resolve(process.argv[1]);
