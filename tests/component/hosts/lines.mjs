// The protocol of a host: commands are lines of JSON on stdin, each with one line of JSON as its result.
import { createInterface } from "node:readline";
import { errorOf } from "./values.mjs";

/** Executes commands until stdin ends, then ends the process. @param {Record<string, (about: object) => any>} commands */
export async function answerLines(commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...about } = JSON.parse(line);
    let answer;
    try {
      answer = await commands[command](about);
    } catch (error) {
      answer = { error: errorOf(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}
