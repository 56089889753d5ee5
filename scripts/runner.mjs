// Runs programs that have tests, and fails if they ran none.
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { Failure, root, run } from "./command.mjs";

/**
 * Runs the `*.test.mjs` of a folder with Node's test runner.
 * @param {object} [options]
 * @param {boolean} [options.recursive] also those of its subfolders
 * @param {string} [options.name] only tests that have this text in their name, or in that of a group around them
 */
export async function nodeTests(folder, { recursive = true, name } = {}) {
  const path = join(root, folder);
  if (!existsSync(path)) throw new Failure(`there is no folder ${folder}`);
  // Files by name: Node 20 takes a folder, later versions take patterns, all of them take files.
  const names = readdirSync(path, { recursive }).filter((each) => each.endsWith(".test.mjs"));
  if (names.length === 0) throw new Failure(`there is no *.test.mjs in ${folder}`);
  const files = names.sort().map((each) => relative(root, join(path, each)));
  const filter = name === undefined ? [] : [`--test-name-pattern=${name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}`];
  // Node 20 counts a test that the pattern leaves out as one that was skipped.
  const count = name === undefined ? /^# tests (\d+)/gm : /^# pass (\d+)/gm;
  needTests(count, await run("node", ["--test", "--test-reporter=tap", ...filter, ...files]));
}

/**
 * Runs `cargo test` with each list of arguments.
 * @param {{ args: string[], programs?: number, env?: Record<string, string | undefined> }[]} runs `programs`: how many test programs must run a test; 1 by default
 * @param {object} [options]
 * @param {string} [options.name] only tests that have this text in their path; it is enough that one of all programs runs one
 */
export async function cargoTests(runs, { name } = {}) {
  const count = /^test result: ok\. (\d+) passed/gm;
  let all = "";
  for (const { args, programs = 1, env } of runs) {
    const printed = await run("cargo", ["test", "--locked", ...args, ...(name === undefined ? [] : ["--", name])], { env });
    if (name === undefined) needTests(count, printed, programs);
    all += printed;
  }
  needTests(count, all);
}

/** Fails unless this many programs printed a count of tests above 0: a step that runs no test must not pass. */
export function needTests(count, printed, programs = 1) {
  const some = [...printed.matchAll(count)].filter(([, number]) => Number(number) > 0);
  if (some.length < programs) throw new Failure(programs > 1 ? `${some.length} of ${programs} test programs ran a test` : "no test was run");
}
