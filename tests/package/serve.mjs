// The stand-in for programs that are no JavaScript: one question a line on stdin, { method, args }, and one answer a line on
// stdout, { result } or { error }. It ends with its stdin: whoever started it cannot leave it behind.
import { createInterface } from "node:readline";
import { startControl } from "./control.mjs";

const control = await startControl(process.argv[2] || null, { http2: process.argv[3] === "http2" });
console.log(JSON.stringify({ result: control.about() }));
for await (const line of createInterface({ input: process.stdin })) {
  const { method, args } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: (await control[method](...args)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.stack }));
  }
}
process.exit();
