// Shows that Bun sends a request that was cancelled: it hands each one to a thread of its own, which may look at the signal too late.
//
//   bun tests/package/bun/aborted.mjs        # and the same with node
//
// Bun 1.4 prints, for requests that are cancelled right after `fetch` on connections that are open, up to "8 of 8 arrived, 28 ms later";
// how many differs from run to run. Each arrives once at most.
import { createServer } from "node:http";

const arrived = [];
const server = createServer((request, response) => {
  arrived.push({ path: request.url, at: performance.now() });
  if (request.url === "/open") return response.end("ok");
  response.writeHead(200, { "content-length": "1000000" }).write("x");
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const origin = `http://127.0.0.1:${server.address().port}`;
const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

for (const [when, wait] of [["at once", () => {}], ["after a microtask", async () => {}], ["after a task", () => sleep(0)]]) {
  await Promise.all(Array.from({ length: 8 }, async () => (await fetch(`${origin}/open`)).text()));
  arrived.length = 0;
  const requests = Array.from({ length: 8 }, (_, i) => {
    const controller = new AbortController();
    return { controller, answer: fetch(`${origin}/${i}`, { signal: controller.signal }).catch(() => {}) };
  });
  await wait();
  const cancelled = performance.now();
  for (const { controller } of requests) controller.abort();
  await Promise.all(requests.map(({ answer }) => answer));
  await sleep(500);
  const late = arrived.filter(({ at }) => at > cancelled).map(({ at }) => Math.round(at - cancelled));
  console.log(`cancelled ${when}: ${arrived.length} of 8 arrived, ${Math.max(0, ...late)} ms later`);
}
process.exit(0);
