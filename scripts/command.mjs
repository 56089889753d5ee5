// Running other programs: their output goes straight to the terminal, their failure stops the script.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository. Every program is run from here. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** Where cargo puts what it builds. */
export const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

/** What package.json says. */
export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** A failure whose message is all that a reader needs: no stack is printed. */
export class Failure extends Error {}

/**
 * Runs a program to its end and resolves to what it printed, which is passed on as it comes.
 * @throws {Failure} if it cannot be started or ends with another code than 0.
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

/** What a program prints, trimmed; `null` if it is missing or fails. */
export function ask(program, args) {
  const { status, stdout } = spawnSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: Infinity });
  return status === 0 ? stdout.trim() : null;
}

/**
 * Runs a program whose failure is no failure of ours. What went wrong, in a line; nothing if nothing did.
 * It has two minutes: a registry that hangs is one that is not there.
 */
export function attempt(program, args, cwd) {
  const { status, error, stderr } = spawnSync(program, args, { cwd, encoding: "utf8", timeout: 120_000 });
  if (status === 0) return undefined;
  return error?.message ?? stderr.trim().split("\n").at(-1);
}

/** The first of these programs that is on PATH (or is an absolute path that exists), else `null`. */
export function find(...names) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const paths = names.flatMap((name) => (name.startsWith("/") ? [name] : folders.map((folder) => join(folder, name))));
  return paths.find((path) => existsSync(path)) ?? null;
}

/** Runs the script's main function and ends with code 1, and the reason, if it fails. */
export async function main(script) {
  try {
    await script();
  } catch (error) {
    console.error(error instanceof Failure ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

/** Whether this file is the script that node was started with. */
export const isMain = (meta) => process.argv[1] !== undefined && fileURLToPath(meta.url) === resolve(process.argv[1]);
