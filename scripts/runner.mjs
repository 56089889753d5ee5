// Runs tests of Node, and sees to it that there are some.
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { Failure, root, run } from "./command.mjs";

/** Runs the `*.test.mjs` of a folder. */
export async function nodeTests(folder, { recursive = true } = {}) {
  const path = join(root, folder);
  if (!existsSync(path)) throw new Failure(`there is no folder ${folder}`);
  // Named one by one: Node 20 takes a folder, later versions take patterns, all of them take files.
  const names = readdirSync(path, { recursive }).filter((name) => name.endsWith(".test.mjs"));
  if (names.length === 0) throw new Failure(`there is no *.test.mjs in ${folder}`);
  const files = names.sort().map((name) => relative(root, join(path, name)));
  needTests(/^# tests (\d+)/gm, await run("node", ["--test", "--test-reporter=tap", ...files]));
}

/** A step that runs no test at all must not pass for one in which all was well: so many programs must have run some. */
export function needTests(count, printed, programs = 1) {
  const some = [...printed.matchAll(count)].filter(([, number]) => Number(number) > 0);
  if (some.length < programs) throw new Failure(programs > 1 ? `of ${programs} programs ${some.length} ran tests` : "no test was run");
}
