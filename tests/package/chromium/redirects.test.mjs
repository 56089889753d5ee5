// Redirects of requests with the user's headers in a page, which does not see where a redirect leads.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { closeAll, launchChromium, servePackage } from "../support.mjs";

const BYTES = Buffer.from("a file of one's own");
const CORS = { "access-control-allow-origin": "*", "access-control-allow-headers": "*", "access-control-max-age": "0" };

let page, home, abroad;
const requests = [];

/** Answers, and allows every header in a preflight. */
const open = (answer) => (request, response) => (request.method === "OPTIONS" ? response.writeHead(204, CORS).end() : answer(request, response));

/** Answers as a server that knows ranges, and notes who asked with which key. */
const file = (name) => open((request, response) => {
  requests.push([name, request.headers["x-api-key"] ?? null]);
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range);
  const range = { "content-range": `bytes ${from}-${to}/${BYTES.length}`, etag: '"1"' };
  response.writeHead(206, { ...CORS, ...range, "access-control-expose-headers": "*" }).end(BYTES.subarray(Number(from), Number(to) + 1));
});

before(async () => {
  abroad = await servePackage({ routes: { "/file": file("abroad"), "/to-home": open((_, response) => response.writeHead(302, { ...CORS, location: `${home}/file` }).end()) } });
  home = await servePackage({
    routes: {
      "/file": file("home"),
      "/near": (_, response) => response.writeHead(302, { location: "/file" }).end(),
      "/far": (_, response) => response.writeHead(302, { location: `${abroad}/file` }).end(),
      "/out-and-back": (_, response) => response.writeHead(302, { location: `${abroad}/to-home` }).end(),
    },
  });
  page = await (await launchChromium()).newPage();
  await page.goto(home);
});
after(closeAll);

/** Reads a URL in the page with a header; resolves to the text, or the code and the cause of the error. */
function read(url) {
  requests.length = 0;
  return page.evaluate(async (url) => {
    const { openUrl } = await import("/kelp-stream/index.js");
    try {
      const file = await openUrl(url, { headers: { "X-Api-Key": "s3cret" }, retry: { passes: 1 } });
      return { text: await file.text() };
    } catch ({ code, cause }) {
      return { code, cause: String(cause) };
    }
  }, url);
}

// F144
test("a redirect within the page's origin is followed with headers", async () => {
  assert.deepEqual(await read(`${home}/near`), { text: BYTES.toString() });
  assert.ok(requests.length > 1 && requests.every(([name, key]) => name === "home" && key === "s3cret"), `${requests}`);
});

// F144
test("a redirect out of the page's origin fails and sends nothing", async () => {
  for (const path of ["/far", "/out-and-back"]) {
    const { code } = await read(home + path);
    assert.equal(code, "network", path);
    assert.deepEqual(requests, [], path);
  }
});

// F144
test("a redirect of another origin fails, and the error says why", async () => {
  const { code, cause } = await read(`${abroad}/to-home`);
  assert.equal(code, "network");
  assert.match(cause, /a page cannot see whether to another origin/);
  assert.deepEqual(requests, []);
});
