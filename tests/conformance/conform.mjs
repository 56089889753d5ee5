// Runs the list in one place, a test for each case, and notes what came of it for the matrix.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { judge } from "./judge.mjs";
import { cases } from "./list.mjs";
import { NOTES } from "./matrix.mjs";
import { Stage, strike } from "./stage.mjs";

/**
 * A place in which a reader runs.
 * @typedef {object} Place
 * @property {string} name as a column of the matrix is headed
 * @property {string | false} skip why it cannot be had on this machine
 * @property {() => Promise<{ perform(task: object, again: () => void): Promise<object>, close(): Promise<void> | void }>} start `again` is to be
 *   called before a task is begun anew
 * @property {(about: object) => string | undefined} [lacks] why a case has no meaning there
 * @property {(about: object) => object} [part] what of a case is made there
 *
 * @param {Place} place
 */
export function conform(place) {
  const { name: heading, skip, start, lacks = () => undefined, part = (about) => about } = place;
  const notes = [];
  // What does not end in time has failed.
  const note = ({ group, name }, outcome = "failed", reason = undefined) => notes[notes.push({ group, name, outcome, reason }) - 1];
  if (skip) write(heading, [], skip);
  describe(heading, { skip }, () => {
    const reader = new Reader(start);
    after(async () => {
      await reader.stop();
      await strike();
      write(heading, notes);
    });
    for (const about of cases().map(part)) {
      const reason = lacks(about);
      if (reason) note(about, "lacks", reason);
      test(`${about.group}: ${about.name}`, { timeout: 60_000, skip: reason ?? false }, async ({ signal }) => {
        const noted = note(about);
        const running = reader.start();
        const hung = () => reader.stop(running);
        signal.addEventListener("abort", hung);
        try {
          await attempt(about, await running);
          noted.outcome = "ok";
        } catch (error) {
          await reader.stop(running);
          throw error;
        } finally {
          // A test that ends aborts its signal too.
          signal.removeEventListener("abort", hung);
        }
      });
    }
  });
}

async function attempt(about, reader) {
  const stage = await Stage.set(about);
  try {
    await judge(about, stage, await reader.perform(stage.task, () => stage.store.resetLog()));
  } finally {
    await stage.close();
  }
}

// Started when it is first wanted, and anew after a failure: what hangs in one case is not to fail the next one.
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
  mkdirSync(NOTES, { recursive: true });
  writeFileSync(join(NOTES, `${heading}.json`), JSON.stringify({ heading, skip, notes }));
}
