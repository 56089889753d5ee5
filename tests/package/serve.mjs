// The store for programs in other languages: reads { method, args } per line on stdin, and writes { result } or { error } per line on
// stdout. Ends with stdin, so it does not outlive the program that started it.
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
