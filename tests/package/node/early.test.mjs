// `openFiler` sends its first request while the module loads.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInConsumer } from "../support.mjs";

/** A program in which the module loads when `load()` is called, and `fetch` logs its requests and answers when `answer(response)` is. */
const program = (text) => runInConsumer(`
  import { readFile } from "node:fs/promises";
  import { init, openFiler } from "kelp-stream";
  const wasm = readFile(new URL("./node_modules/kelp-stream/dist/kelp_stream_bg.wasm", "file://" + process.cwd() + "/"));
  let load, answer;
  const loading = new Promise((resolve) => (load = () => resolve(wasm)));
  const log = [];
  const fetch = (url, { signal, headers, redirect }) => new Promise((resolve, reject) => {
    log.push({ url, who: headers.get("x-who"), redirect });
    answer = resolve;
    signal.addEventListener("abort", () => { log.push("aborted"); reject(signal.reason); });
  });
  const entry = () => Response.json({ FullPath: "/a.bin", FileSize: 3, Content: "YWJj" });
  const turns = async () => { for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve)); };
  process.on("unhandledRejection", (error) => console.log("unhandled", error));
  void init(loading);
  ${text}
`);

const URL = "http://filer.example/a.bin";

// F161
test("the entry is requested while the module loads", async () => {
  const printed = await program(`
    const opening = openFiler("${URL}", { fetch, headers: { "x-who": "me" } });
    console.log(JSON.stringify(log));
    answer(entry());
    await turns();
    load();
    const file = await opening;
    console.log(file.size, await file.text(), log.length);
    // Now the module is there.
    const again = openFiler("${URL}", { fetch });
    await turns();
    answer(entry());
    console.log((await again).size, log.length);
  `);
  assert.equal(printed, `${JSON.stringify([{ url: `${URL}?metadata=true`, who: "me", redirect: "manual" }])}\n3 abc 1\n3 2`);
});

// F161
test("an answer that comes after the module is taken too", async () => {
  const printed = await program(`
    const opening = openFiler("${URL}", { fetch });
    load();
    await init();
    await turns();
    answer(entry());
    console.log(await (await opening).text(), log.length);
  `);
  assert.equal(printed, "abc 1");
});

// F161
test("a failure before the module is there is tried again", async () => {
  const printed = await program(`
    let sent = 0;
    const failing = (...given) => (sent++ === 0 ? Promise.reject(new TypeError("no route")) : fetch(...given));
    const opening = openFiler("${URL}", { fetch: failing, retry: { baseDelay: 1 } });
    await turns();
    load();
    while (!answer) await turns();
    answer(entry());
    console.log(await (await opening).text(), sent);
  `);
  assert.equal(printed, "abc 2");
});

// F161
test("an abort while the module loads ends the request", async () => {
  const printed = await program(`
    const leaving = new AbortController();
    const opening = openFiler("${URL}", { fetch, signal: leaving.signal });
    leaving.abort("enough");
    console.log(await opening.catch((reason) => reason), log.at(-1));
    load();
    await turns();
    console.log(log.length);
  `);
  assert.equal(printed, "enough aborted\n2");
});

// F161
test("nothing is requested early that may not be requested", async () => {
  const printed = await program(`
    const failure = (opening) => opening.catch((error) => error.name ?? error);
    const aborted = failure(openFiler("${URL}", { fetch, signal: AbortSignal.abort("no") }));
    const wrong = failure(openFiler("${URL}", { fetch, concurrency: 0 }));
    // Its token is asked for right before a request.
    let tokens = 0;
    const token = openFiler("${URL}", { fetch, filerToken: () => "t" + tokens++ });
    console.log(log.length, tokens);
    load();
    while (log.length === 0) await turns();
    answer(entry());
    console.log(await aborted, await wrong);
    console.log(await (await token).text(), log.length, log[0].url.endsWith("&jwt=t0"), log[0].redirect);
  `);
  assert.equal(printed, "0 0\nno RangeError\nabc 1 true manual");
});

// F161
test("a token in the URL is not sent to where a redirect leads", async () => {
  const printed = await program(`
    const opening = openFiler("${URL}?jwt=secret", { fetch });
    console.log(log[0].redirect);
    answer(entry());
    load();
    console.log(await (await opening).text());
  `);
  assert.equal(printed, "manual\nabc");
});

// F161
test("without the module the request ends", async () => {
  const printed = await runInConsumer(`
    import { init, openFiler } from "kelp-stream";
    let aborted = false;
    const fetch = (url, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => { aborted = true; reject(signal.reason); }));
    const loading = init(new Uint8Array([1, 2, 3])).catch(() => {});
    const error = await openFiler("${URL}", { fetch }).catch((thrown) => thrown);
    await loading;
    console.log(error.name, aborted);
  `);
  assert.equal(printed, "CompileError true");
});
