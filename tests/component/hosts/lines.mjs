// How a host is told what to do: lines of JSON on standard input, each answered by one.
import { createInterface } from "node:readline";
import { told } from "./values.mjs";

/** Answers until there are no more lines, then ends the process. @param {Record<string, (about: object) => any>} commands */
export async function answerLines(commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...about } = JSON.parse(line);
    let answer;
    try {
      answer = await commands[command](about);
    } catch (error) {
      answer = { error: told(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}
