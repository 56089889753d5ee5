// Defines a test for each case of the list in one place, and writes the results for the matrix.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { compare } from "./compare.mjs";
import { cases } from "./list.mjs";
import { RESULTS } from "./matrix.mjs";
import { closeShared, Setup } from "./setup.mjs";

/**
 * A place in which a reader runs.
 * @typedef {object} Place
 * @property {string} name the heading in the matrix
 * @property {string | false} skip why the place is not available on this machine
 * @property {() => Promise<{ perform(task: object, again: () => void): Promise<object>, close(): Promise<void> | void }>} start `again`
 *   must be called before a task is started again
 * @property {(about: object) => string | undefined} [lacks] why a case does not apply there
 * @property {(about: object) => object} [part] the part of a case that is run there
 *
 * @param {Place} place
 */
export function testPlace(place) {
  const { name: heading, skip, start, lacks = () => undefined, part = (testCase) => testCase } = place;
  const notes = [];
  // A test that does not end in time stays "failed".
  const note = ({ group, name }, outcome = "failed", reason = undefined) => notes[notes.push({ group, name, outcome, reason }) - 1];
  if (skip) write(heading, [], skip);
  describe(heading, { skip }, () => {
    const reader = new Reader(start);
    after(async () => {
      await reader.stop();
      await closeShared();
      write(heading, notes);
    });
    for (const testCase of cases().map(part)) {
      const reason = lacks(testCase);
      if (reason) note(testCase, "lacks", reason);
      test(`${testCase.group}: ${testCase.name}`, { timeout: 60_000, skip: reason ?? false }, async ({ signal }) => {
        const noted = note(testCase);
        const running = reader.start();
        const hung = () => reader.stop(running);
        signal.addEventListener("abort", hung);
        try {
          await attempt(testCase, await running);
          noted.outcome = "ok";
        } catch (error) {
          await reader.stop(running);
          throw error;
        } finally {
          // The end of a test aborts its signal, too.
          signal.removeEventListener("abort", hung);
        }
      });
    }
  });
}

async function attempt(testCase, reader) {
  const setup = await Setup.create(testCase);
  try {
    await compare(testCase, setup, await reader.perform(setup.task, () => setup.store.resetLog()));
  } finally {
    await setup.close();
  }
}

// Started for the first case, and again after a failure, so that a hanging reader does not fail the next case.
class Reader {
  #start; #running = null;

  constructor(start) {
    this.#start = start;
  }

  start() {
    return (this.#running ??= Promise.resolve(this.#start()));
  }

  async stop(running = this.#running) {
    if (this.#running === running) this.#running = null;
    await (await running?.catch(() => null))?.close();
  }
}

function write(heading, notes, skip) {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${heading}.json`), JSON.stringify({ heading, skip, notes }));
}
