// Where chunks are asked for without the core, in Node: servers are answered by hand, and the clock is the test's.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { importPart } from "./part.mjs";

const { Found } = await importPart("found.ts");

const view = (fileId, range = null) => ({ fileId, start: 0, end: 5, range });
const whole = () => new Response("12345", { headers: { "content-length": "5" } });
const never = new AbortController().signal;

/** What was asked for, and how: `answer` gives each answer. */
function start(answer, token = null) {
  const asked = [];
  const found = new Found(async (url, { headers, signal }) => {
    asked.push([url, headers.range ?? null].filter((each) => each !== null).join(" "));
    return answer(signal);
  }, token);
  return { found, asked };
}

test("nothing is asked for where nothing was found", async () => {
  const { found, asked } = start(whole);
  found.note(new URL("http://a:1/3,01"), "3,01");
  assert.equal(await found.ask(view("4,01"), never), null);
  assert.deepEqual(asked, []);
});

test("the volume of a chunk that was found is asked for others, with tokens of their own where it had one", async () => {
  const { found, asked } = start(whole, async (fileId) => `for ${fileId}`);
  found.note(new URL("http://a:1/3,01?jwt=x"), "3,01");
  found.note(new URL("http://b:1/4,01"), "4,01");
  for (const fileId of ["3,02", "4,02"]) assert.equal((await found.ask(view(fileId), never)).status, 200);
  assert.deepEqual(asked, ["http://a:1/3,02?jwt=for+3%2C02", "http://b:1/4,02"]);
});

test("a token that only the core can get, is left to it", async () => {
  const { found, asked } = start(whole);
  found.note(new URL("http://a:1/3,01?jwt=x"), "3,01");
  assert.equal(await found.ask(view("3,02"), never), null);
  assert.deepEqual(asked, []);
});

test("a filer relays the chunks of all volumes", async () => {
  const { found, asked } = start(whole);
  found.note(new URL("http://f:1/?proxyChunkId=3%2C01"), "3,01");
  await found.ask(view("4,02"), never);
  assert.deepEqual(asked, ["http://f:1/?proxyChunkId=4%2C02"]);
});

test("what is not exactly the view is for the core, and its place is forgotten", async () => {
  const range = "bytes=7-11";
  const part = (contentRange, status = 206) => new Response("12345", { status, headers: { "content-length": "5", "content-range": contentRange } });
  for (const [answer, is] of [
    [() => part("bytes 7-11/20"), true], [() => part("bytes 0-4/20"), false], [() => part("bytes 7-11/20", 200), false], [whole, false],
    [() => new Response("12345", { status: 206, headers: { "content-range": "bytes 7-11/20" } }), false],
    [() => new Response(null, { status: 404 }), false], [() => Promise.reject(new TypeError("refused")), false],
  ]) {
    const { found, asked } = start(answer);
    found.note(new URL("http://a:1/3,01"), "3,01");
    assert.equal((await found.ask(view("3,02", range), never)) !== null, is, String(answer));
    assert.deepEqual(asked, [`http://a:1/3,02 ${range}`]);
    await found.ask(view("3,03", range), never);
    assert.equal(asked.length, is ? 2 : 1, String(answer));
  }
});

test("a server that is late is left to the core, and one that answered in time is not cut off", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const signals = [];
  const until = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const { found } = start((signal) => (signals.push(signal), signals.length === 1 ? whole() : until(signal)));
  found.note(new URL("http://a:1/3,01"), "3,01");
  assert.notEqual(await found.ask(view("3,02"), never), null);
  const late = found.ask(view("3,03"), never);
  await new Promise((resolve) => setImmediate(resolve));
  mock.timers.tick(2000);
  assert.equal(await late, null);
  assert.deepEqual(signals.map(({ aborted }) => aborted), [false, true]);
  mock.timers.reset();
});

test("a client that leaves ends what is asked for, and what was answered", async () => {
  const signals = [];
  const { found } = start((signal) => (signals.push(signal), whole()));
  found.note(new URL("http://a:1/3,01"), "3,01");
  const client = new AbortController();
  await found.ask(view("3,02"), client.signal);
  client.abort();
  assert.ok(signals[0].aborted);
});
