// Requests for chunks without the core, in Node: the test gives the responses and moves the clock.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { importModule } from "./gateway-module.mjs";

const { LocatedChunks } = await importModule("located.ts");

const view = (fileId, range = null) => ({ fileId, start: 0, end: 5, range });
const whole = () => new Response("12345", { headers: { "content-length": "5" } });
const never = new AbortController().signal;

/** `asked` has each request as text; `answer` gives its response. */
function start(answer, token = null) {
  const asked = [];
  const located = new LocatedChunks(async (url, { headers, signal }) => {
    asked.push([url, headers.range ?? null].filter((each) => each !== null).join(" "));
    return answer(signal);
  }, token);
  return { located, asked };
}

test("a volume that was not found is not requested", async () => {
  const { located, asked } = start(whole);
  located.note(new URL("http://a:1/3,01"), "3,01");
  assert.equal(await located.request(view("4,01"), never), null);
  assert.deepEqual(asked, []);
});

test("chunks of a found volume are requested with their tokens", async () => {
  const { located, asked } = start(whole, async (fileId) => `for ${fileId}`);
  located.note(new URL("http://a:1/3,01?jwt=x"), "3,01");
  located.note(new URL("http://b:1/4,01"), "4,01");
  for (const fileId of ["3,02", "4,02"]) assert.equal((await located.request(view(fileId), never)).status, 200);
  assert.deepEqual(asked, ["http://a:1/3,02?jwt=for+3%2C02", "http://b:1/4,02"]);
});

test("a chunk is left to the core if only the core has its token", async () => {
  const { located, asked } = start(whole);
  located.note(new URL("http://a:1/3,01?jwt=x"), "3,01");
  assert.equal(await located.request(view("3,02"), never), null);
  assert.deepEqual(asked, []);
});

test("a filer relays the chunks of all volumes", async () => {
  const { located, asked } = start(whole);
  located.note(new URL("http://f:1/?proxyChunkId=3%2C01"), "3,01");
  await located.request(view("4,02"), never);
  assert.deepEqual(asked, ["http://f:1/?proxyChunkId=4%2C02"]);
});

test("a response that is not exactly the view forgets the volume", async () => {
  const range = "bytes=7-11";
  const part = (contentRange, status = 206) => new Response("12345", { status, headers: { "content-length": "5", "content-range": contentRange } });
  for (const [answer, is] of [
    [() => part("bytes 7-11/20"), true], [() => part("bytes 0-4/20"), false], [() => part("bytes 7-11/20", 200), false], [whole, false],
    [() => new Response("12345", { status: 206, headers: { "content-range": "bytes 7-11/20" } }), false],
    [() => new Response(null, { status: 404 }), false], [() => Promise.reject(new TypeError("refused")), false],
  ]) {
    const { located, asked } = start(answer);
    located.note(new URL("http://a:1/3,01"), "3,01");
    assert.equal((await located.request(view("3,02", range), never)) !== null, is, String(answer));
    assert.deepEqual(asked, [`http://a:1/3,02 ${range}`]);
    await located.request(view("3,03", range), never);
    assert.equal(asked.length, is ? 2 : 1, String(answer));
  }
});

test("a late server is left to the core", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const signals = [];
  const until = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const { located } = start((signal) => (signals.push(signal), signals.length === 1 ? whole() : until(signal)));
  located.note(new URL("http://a:1/3,01"), "3,01");
  assert.notEqual(await located.request(view("3,02"), never), null);
  const late = located.request(view("3,03"), never);
  await new Promise((resolve) => setImmediate(resolve));
  mock.timers.tick(2000);
  assert.equal(await late, null);
  assert.deepEqual(signals.map(({ aborted }) => aborted), [false, true]);
  mock.timers.reset();
});

test("a client that leaves aborts requests and responses", async () => {
  const signals = [];
  const { located } = start((signal) => (signals.push(signal), whole()));
  located.note(new URL("http://a:1/3,01"), "3,01");
  const client = new AbortController();
  await located.request(view("3,02"), client.signal);
  client.abort();
  assert.ok(signals[0].aborted);
});
