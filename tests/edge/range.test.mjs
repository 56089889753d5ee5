// The gateway reads a range header before the core does: both must read the same range.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { importPackage } from "../package/support.mjs";
import { importModule } from "./gateway-module.mjs";
import { closeAll, noise, rawGet, startGateway } from "./support.mjs";

after(closeAll);

const { wantedRange } = await importModule("range.ts");
const { openManifest } = await importPackage();

const ETAG = '"v1"';
const MODIFIED = Date.UTC(2026, 0, 2, 3, 4, 5);
const DATE = new Date(MODIFIED).toUTCString();

const RANGES = [
  "bytes=0-9", "bytes=5-", "bytes=-5", "bytes=0-0", "bytes=99-99", "bytes=99-1000", "bytes=0-99999999999999999999999",
  // A unit in capitals, and spaces around the parts.
  "BYTES=0-9", "bytes = 0-9", "bytes= 0-9", "bytes =0-9", "  bytes=0-9  ", "bytes=\t0-9",
  // Malformed, several, of another unit: the whole file.
  "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=0 - 9", "bytes=9-0", "bytes=0-4,5-9", "bytes=--5", "bytes=+1-5", "bytes=1.0-5", "lines=0-9", "bytes=0-9-",
  "bytes=9007199254740993-9007199254740992",
  // Outside the file: 416.
  "bytes=100-", "bytes=100-200", "bytes=-0", "bytes=9007199254740992-9007199254740993", "bytes=99999999999999999999-99999999999999999999",
];

const CONDITIONS = [undefined, ETAG, '"v2"', `W/${ETAG}`, DATE, new Date(MODIFIED - 1000).toUTCString(), ""];

async function openFile(size) {
  const content = noise("range", size);
  const fetch = async (_, { headers }) => {
    const [, first, last] = /bytes=(\d+)-(\d+)/.exec(new Headers(headers).get("range") ?? "") ?? [];
    if (first === undefined) return new Response(content);
    const part = content.subarray(Number(first), Number(last) + 1);
    return new Response(part, { status: 206, headers: { "content-range": `bytes ${first}-${last}/${size}` } });
  };
  const chunks = size === 0 ? [] : [{ urls: ["http://store.example/1"], offset: 0, size }];
  return openManifest({ size, etag: ETAG, lastModified: MODIFIED, chunks }, { fetch });
}

const described = (range) => range && `${range.isPart ? 206 : 200} ${range.start}-${range.end}`;

for (const size of [0, 1, 100]) {
  test(`the gateway reads ranges as the core does: ${size} bytes`, async () => {
    const file = await openFile(size);
    for (const range of RANGES) {
      for (const condition of CONDITIONS) {
        const headers = { range, ...(condition === undefined ? {} : { "if-range": condition }) };
        const request = new Request("http://gateway.example/file", { headers });
        const { status, headers: answered, body } = await file.response(request);
        await body?.cancel();
        const [, start, last] = /bytes (\d+)-(\d+)/.exec(answered.get("content-range") ?? "") ?? [, 0, size - 1];
        const core = status === 416 || size === 0 ? null : `${status} ${start}-${Number(last) + 1}`;
        // There is no byte in an empty file: the gateway leaves it to the core.
        const gateway = size === 0 ? null : described(wantedRange(request, file));
        assert.equal(gateway, core, JSON.stringify(headers));
      }
    }
  });
}

// F180
test("a range with spaces around its parts is served", async () => {
  const { store, origin } = await startGateway("plain");
  const bytes = noise("spaces", 1000);
  store.addFile({ path: "/spaces.bin", bytes, chunkSize: 400 });
  for (const range of ["bytes = 0-9", "bytes=\t0-9", "bytes= 0-9"]) {
    const answer = await rawGet(`${origin}/spaces.bin`, { range });
    assert.deepEqual([answer.status, answer.headers.get("content-range")], [206, "bytes 0-9/1000"], range);
  }
});
