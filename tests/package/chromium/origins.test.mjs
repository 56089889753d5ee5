// The option `origins` in a page whose files are on other origins: what is not listed gets no request, not even a preflight.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { closeAll, launchChromium, servePackage } from "../support.mjs";

const BYTES = Buffer.from("a file of one's own");
const CORS = { "access-control-allow-origin": "*", "access-control-allow-headers": "*", "access-control-expose-headers": "*", "access-control-max-age": "0" };
const FILE_ID = "3,01637037d6";
const ENTRY = JSON.stringify({ FullPath: "/a", FileSize: BYTES.length, chunks: [{ file_id: FILE_ID, size: BYTES.length, modified_ts_ns: 1 }] });

/** Everything that reached a server: its name, the method, the path, and the key that was sent along. */
const requests = [];
const seen = (name, method = "GET") => requests.filter((request) => request.name === name && request.method === method);

/** Notes each request, and allows every preflight. `routes`: what answers a path; any other one has the file. */
function server(name, routes = {}) {
  const answer = (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    requests.push({ name, method: request.method, pathname, key: request.headers["x-api-key"] });
    if (request.method === "OPTIONS") return response.writeHead(204, CORS).end();
    if (routes[pathname]) return routes[pathname](response);
    const [range, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range) ?? [];
    if (!range) return response.writeHead(200, CORS).end(BYTES);
    const end = Math.min(Number(to || BYTES.length - 1), BYTES.length - 1);
    response.writeHead(206, { ...CORS, "content-range": `bytes ${from}-${end}/${BYTES.length}`, etag: '"1"' }).end(BYTES.subarray(Number(from), end + 1));
  };
  // The page itself is at the root of its origin.
  const paths = ["/file", "/entry", `/${FILE_ID}`, ...(name === "home" ? [] : ["/"]), ...Object.keys(routes)];
  return servePackage({ routes: Object.fromEntries(paths.map((path) => [path, answer])) });
}

let browser, home, listed, other, foreign;
before(async () => {
  browser = await launchChromium();
  const to = (where) => (response) => response.writeHead(302, { ...CORS, location: where() }).end();
  const json = (body) => (response) => response.writeHead(200, { ...CORS, "content-type": "application/json" }).end(body);
  foreign = await server("foreign", { "/back": to(() => `${home}/file`) });
  other = await server("other");
  listed = await server("listed", {
    "/entry": json(ENTRY),
    "/same": to(() => "/file"),
    "/to-listed": to(() => `${other}/file`),
    "/to-foreign": to(() => `${foreign}/file`),
    "/dir/lookup": json(JSON.stringify({ volumeOrFileId: "3", locations: [{ publicUrl: new URL(foreign).host, url: new URL(foreign).host }] })),
  });
  home = await server("home", {
    "/near": to(() => "/file"),
    "/to-listed": to(() => `${listed}/file`),
    "/to-foreign": to(() => `${foreign}/file`),
    "/out-and-back": to(() => `${foreign}/back`),
  });
});
after(closeAll);

let page;
beforeEach(async () => {
  requests.length = 0;
  await page?.close();
  // A page in which the module has not started: it may send a request before.
  page = await browser.newPage();
  await page.goto(home);
});

/** Opens and reads in the page, with a header. Resolves to the text, or to the code and the message of the error. */
function read(open, target, options) {
  return page.evaluate(async ({ open, target, options: { located, ...options } }) => {
    const kelp = await import("/kelp-stream/index.js");
    try {
      const locate = located && (() => ({ urls: located }));
      const file = await kelp[open](target, { headers: { "X-Api-Key": "s3cret" }, retry: { passes: 1 }, ...options, ...(locate && { locate }) });
      return { text: await file.text() };
    } catch ({ code, message }) {
      return { code, message };
    }
  }, { open, target, options });
}

const manifest = (url) => ({ size: BYTES.length, chunks: [{ urls: [url], offset: 0, size: BYTES.length }] });

const RIGHT = { text: BYTES.toString() };

// F123
test("origins in a page: listed servers of other origins are read", async () => {
  const origins = [listed, other];
  assert.deepEqual(await read("openUrl", `${listed}/file`, { origins }), RIGHT);
  assert.deepEqual(await read("openManifest", manifest(`${other}/file`), { origins }), RIGHT);
  assert.deepEqual(await read("openFiler", `${listed}/entry`, { origins, located: [`${other}/${FILE_ID}`] }), RIGHT);
  assert.ok(seen("listed").every(({ key }) => key === "s3cret") && seen("listed").length >= 3, "headers go to the origin that was opened");
  assert.deepEqual(seen("other").map(({ key }) => key), [undefined, undefined], "and to no other");
  assert.deepEqual(seen("other", "OPTIONS"), [], "so there is no preflight");
});

const OUTSIDE = {
  "a URL": () => ["openUrl", `${foreign}/file?secret`, {}],
  "an entry": () => ["openFiler", `${foreign}/entry?secret`, {}],
  "a chunk of a manifest": () => ["openManifest", manifest(`${foreign}/file?secret`), {}],
  "a location": () => ["openFiler", `${listed}/entry`, { located: [`${foreign}/${FILE_ID}?secret`] }],
  "what a master names": () => ["openFiler", `${listed}/entry`, { locate: { master: listed } }],
  "a master": () => ["openFiler", `${listed}/entry`, { locate: { master: foreign } }],
  "a filer for the chunks": () => ["openEntry", ENTRY, { filer: foreign }],
};

for (const [what, outside] of Object.entries(OUTSIDE)) {
  // F123
  test(`origins in a page: ${what} elsewhere gets no request`, async () => {
    const [open, target, options] = outside();
    const { code, message } = await read(open, target, { ...options, origins: [listed, other, home] });
    // Without its master, nothing locates a chunk.
    assert.equal(code, what === "a master" ? "no_locations" : "unsupported", message);
    assert.ok(message.includes(foreign) && !message.includes("secret"), message);
    assert.deepEqual(requests.filter(({ name }) => name === "foreign"), []);
  });
}

// A page does not see where a redirect leads.
const REDIRECTS = {
  "of another origin to a foreign one": () => [`${listed}/to-foreign`],
  "of another origin to a listed one": () => [`${listed}/to-listed`],
  "of another origin to itself": () => [`${listed}/same`],
  "of the page's origin to a foreign one": () => [`${home}/to-foreign`],
  "of the page's origin to a listed one": () => [`${home}/to-listed`],
  "out of the page's origin and back": () => [`${home}/out-and-back`],
};

for (const [what, from] of Object.entries(REDIRECTS)) {
  for (const headers of [undefined, {}]) {
    // F123, F144
    test(`origins in a page: a redirect ${what}${headers ? ", no headers" : ""}`, async () => {
      const options = { origins: [listed, other, home], ...(headers && { headers }) };
      for (const [open, target] of [["openUrl", from()[0]], ["openManifest", manifest(from()[0])]]) {
        const { code, message } = await read(open, target, options);
        assert.ok(code === "unsupported" || code === "network", `${code}: ${message}`);
      }
      assert.deepEqual([seen("foreign"), seen("foreign", "OPTIONS"), seen("other")], [[], [], []]);
      assert.deepEqual(requests.filter(({ pathname }) => pathname === "/file"), [], "no redirect is followed");
    });
  }
}

// F123, F144
test("origins in a page: a redirect within the page's own origin", async () => {
  assert.deepEqual(await read("openUrl", `${home}/near`, { origins: [home] }), RIGHT);
  assert.ok(seen("home").filter(({ pathname }) => pathname === "/file").every(({ key }) => key === "s3cret"));
  assert.equal((await read("openUrl", `${home}/near`, { origins: [listed] })).code, "unsupported");
});
