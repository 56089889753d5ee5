// Compares `response()` with the filer's response to the same request.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { importPackage } from "../package/support.mjs";
import { noise } from "../store/index.mjs";
import { MIB, write } from "./files.mjs";
import { Cluster, skip } from "./weed.mjs";

const SIZE = 2 * MIB + 1000;

/** The headers that are compared. */
const COMPARED = ["accept-ranges", "content-disposition", "content-length", "content-range", "content-type", "etag", "last-modified"];
/** Headers of refusals: those of `response()` have no body. Its 412 has an ETag, as the response to a GET would. */
const COMPARED_OF_REFUSALS = ["accept-ranges", "content-range"];

/**
 * Requests for a file with this ETag and time; after the headers, the intended differences. If the status differs, only the listed
 * headers are compared.
 */
function requests({ etag, modified }) {
  const day = 86_400_000;
  const date = (ms) => new Date(Date.parse(modified) + ms).toUTCString();
  const other = '"0123456789abcdef0123456789abcdef"';
  const range = "bytes=0-9";
  const whole = { status: 200, "content-length": String(SIZE), "content-range": null };
  // RFC 9110, 15.5.17: a 416 has the size of the file.
  const beyond = { "content-range": `bytes */${SIZE}` };
  // RFC 9110, 14.1.2: a range that begins at the end is beyond it.
  const atTheEnd = { status: 416, ...beyond };
  // RFC 9110, 14.2: a malformed range is ignored, and several may be: players request one at a time.
  const ignored = whole;
  // RFC 9110, 13.1.2: the filer compares the whole header with its ETag: no lists, weak tags or "*".
  const known = { status: 304, etag };
  // RFC 9110, 13.1.1: the same.
  const matched = { status: 200, etag };
  // RFC 9110, 13.1.3 and 13.1.4: dates have whole seconds. The filer compares with a time that has a fraction.
  const unmodified = { status: 304, etag };
  const stillUnmodified = { status: 200, etag };
  // RFC 9110, 13.1.5: another version is sent whole. The filer sends a range of it, which does not fit the old version.
  const another = whole;
  return [
    [{}], [{ range: "bytes=0-0" }], [{ range: "bytes=100-199" }], [{ range: `bytes=${MIB - 5}-${MIB + 5}` }],
    [{ range: "bytes=2000000-" }], [{ range: "bytes=-7" }], [{ range: `bytes=${SIZE - 5}-${SIZE + 5}` }], [{ range: `bytes=-${SIZE + 5}` }],
    [{ range: `bytes=${SIZE + 1}-` }, beyond], [{ range: `bytes=${SIZE}-` }, atTheEnd],
    [{ range: "bytes=5-1" }, ignored], [{ range: "bytes=x-y" }, ignored], [{ range: "lines=0-1" }, ignored], [{ range: "bytes=0-1,8-9" }, ignored],
    [{ "if-none-match": etag }], [{ "if-none-match": other }], [{ "if-none-match": etag, range }], [{ "if-none-match": other, "if-modified-since": modified }],
    [{ "if-none-match": "*" }, known], [{ "if-none-match": `${other}, ${etag}` }, known], [{ "if-none-match": `W/${etag}` }, known],
    [{ "if-match": etag }], [{ "if-match": other }], [{ "if-match": `W/${etag}` }], [{ "if-match": other, range }], [{ "if-match": etag, "if-unmodified-since": date(-day) }],
    [{ "if-match": "*" }, matched], [{ "if-match": `${other}, ${etag}` }, matched],
    [{ "if-modified-since": date(-day) }], [{ "if-modified-since": date(day) }], [{ "if-modified-since": "yesterday" }],
    [{ "if-modified-since": modified }, unmodified],
    [{ "if-unmodified-since": date(-day) }], [{ "if-unmodified-since": date(day) }],
    [{ "if-unmodified-since": modified }, stillUnmodified],
    [{ "if-range": etag, range }], [{ "if-range": modified, range }],
    [{ "if-range": other, range }, another], [{ "if-range": `W/${etag}`, range }, another], [{ "if-range": date(-day), range }, another],
  ];
}

describe("response() and the filer's own answer", { skip, timeout: 60_000 }, () => {
  const content = noise("responses", SIZE);
  let cluster, kelp, url, file, known;
  before(async () => {
    kelp = await importPackage();
    cluster = await Cluster.start({ cipher: false, volumes: 2 });
    url = await write(cluster.filer, "/r/film.bin", content);
    file = await kelp.openFiler(url);
    const { headers } = await fetch(url, { method: "HEAD" });
    known = { etag: headers.get("etag"), modified: headers.get("last-modified") };
  }, { timeout: 60_000 });
  after(() => cluster?.stop());

  for (const method of ["GET", "HEAD"]) {
    test(`${method} gets the same response, except for listed cases`, { timeout: 30_000 }, async () => {
      const wrong = [];
      for (const [headers, differs = {}] of requests(known)) {
        const init = { method, headers: { "accept-encoding": "identity", ...headers } };
        const [theirs, ours] = await Promise.all([fetch(url, init), file.response(new Request(url, init))]);
        const said = seen(theirs);
        // RFC 9110, 14.2: a range counts for GET only. The filer ignores one of HEAD, too.
        const listed = method === "HEAD" && headers.range ? {} : differs;
        for (const [name, value] of Object.entries("status" in listed ? listed : { ...said, ...listed })) {
          const our = name === "status" ? ours.status : ours.headers.get(name);
          if (our !== value) wrong.push(`${JSON.stringify(headers)} ${name}: ${said[name]}, and we say ${our}`);
        }
        const distinct = Object.entries(listed).some(([name, value]) => said[name] !== value);
        if (listed === differs && Object.keys(differs).length > 0 && !distinct) wrong.push(`${JSON.stringify(headers)} is the same by now`);
        const [their, our] = await Promise.all([theirs.arrayBuffer(), ours.arrayBuffer()].map(async (body) => Buffer.from(await body)));
        if (ours.status < 300 && theirs.status === ours.status && !their.equals(our)) wrong.push(`${JSON.stringify(headers)}  the body`);
      }
      assert.deepEqual(wrong, []);
    });
  }
});

function seen(response) {
  const names = response.status >= 400 ? COMPARED_OF_REFUSALS : COMPARED;
  return { status: response.status, ...Object.fromEntries(names.map((name) => [name, response.headers.get(name)])) };
}
