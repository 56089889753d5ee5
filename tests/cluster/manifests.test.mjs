// Chunk manifests of a real SeaweedFS, which writes one for every 10 000 chunks of an entry.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { importPackage } from "../package/support.mjs";
import { noise } from "../store/index.mjs";
import { chunksOf, locator, readToFailure, sameBytes, volumeIdOf, write } from "./files.mjs";
import { call, message } from "./grpc.mjs";
import { Cluster, skip } from "./weed.mjs";

/** The number of chunks in a chunk manifest. */
const BATCH = 10_000;
const TAIL = 30;
const COUNT = 2 * BATCH + TAIL;

// Few chunks are stored; the file lists each of them hundreds of times.
const PIECES = 40;
const PIECE = 512;

describe("chunk manifests", { skip, timeout: 120_000 }, () => {
  let cluster, kelp, url, content, manifests;
  before(async () => {
    kelp = await importPackage();
    cluster = await Cluster.start({ cipher: false, readMode: "local" });
    const pieces = [];
    for (let index = 0; index < PIECES; index++) {
      const bytes = noise(`piece ${index}`, PIECE);
      const [{ file_id: fileId, e_tag: tag }] = await chunksOf(await write(cluster.filer, `/m/${index}.bin`, bytes));
      pieces.push({ bytes, fileId, tag });
    }
    // No sequence of pieces repeats, so a wrong order shows.
    const order = Array.from({ length: COUNT }, (_, index) => (index * 7 + Math.floor(index / PIECES)) % PIECES);
    content = Buffer.concat(order.map((index) => pieces[index].bytes));
    const chunks = order.map((index, at) => ({ ...pieces[index], offset: at * PIECE, size: PIECE }));
    url = await create(cluster.filer, "/m", "many.bin", chunks);
    manifests = (await chunksOf(url)).filter(({ is_chunk_manifest: yes }) => yes);
  }, { timeout: 60_000 });
  after(() => cluster?.stop());

  /** Opens the file; `asked` has the file ids of all requests. */
  async function open(options = {}) {
    const asked = [];
    const spy = (input, init) => {
      asked.push(decodeURIComponent(new Request(input, init).url));
      return fetch(input, init);
    };
    const file = await kelp.openFiler(url, { fetch: spy, locate: locator(cluster), pool: new kelp.Pool(), ...options });
    const reads = ({ file_id: fileId }) => asked.filter((each) => each.includes(fileId)).length;
    return { file, reads };
  }

  test("the filer wrote two manifests and single chunks", () => {
    assert.deepEqual(manifests.map(({ offset = 0, size }) => [offset, size]), [[0, BATCH * PIECE], [BATCH * PIECE, BATCH * PIECE]]);
  });

  test("the first bytes need only the first manifest", { timeout: 20_000 }, async () => {
    const { file, reads } = await open({ maxBytesAhead: 64 * 1024 });
    assert.equal(file.size, content.length);
    assert.deepEqual(manifests.map(reads), [0, 0]);
    const reader = file.stream().getReader();
    const { value } = await reader.read();
    assert.ok(content.subarray(0, value.length).equals(Buffer.from(value)));
    assert.deepEqual(manifests.map(reads), [1, 0]);
    await reader.cancel();
  });

  test("a range reads only the manifests that it needs", { timeout: 20_000 }, async () => {
    const cases = [
      [0, 1, [1, 0]], [BATCH * PIECE - 700, BATCH * PIECE, [1, 0]], [BATCH * PIECE, BATCH * PIECE + 1000, [0, 1]],
      [BATCH * PIECE - 5, BATCH * PIECE + 5, [1, 1]], [2 * BATCH * PIECE, content.length, [0, 0]], [2 * BATCH * PIECE - 5, content.length, [0, 1]],
    ];
    for (const locate of ["proxy", locator(cluster), { master: cluster.master }]) {
      for (const [start, end, expected] of cases) {
        const { file, reads } = await open({ locate });
        assert.ok(content.subarray(start, end).equals(await file.bytes({ start, end })), `${start}..${end}`);
        assert.deepEqual(manifests.map(reads), expected, `manifests of ${start}..${end}`);
      }
    }
  });

  test("twenty thousand chunks are read in order", { timeout: 60_000 }, async () => {
    const { file, reads } = await open({ locate: { master: cluster.master } });
    sameBytes(await file.bytes(), content, "whole");
    assert.deepEqual(manifests.map(reads), [1, 1]);
  });

  test("a nested manifest is read", { timeout: 20_000 }, async () => {
    const outer = message({ 1: manifests.map(chunkMessage) });
    const [{ file_id: fileId }] = await chunksOf(await write(cluster.filer, "/m/outer.manifest", outer));
    const nested = await create(cluster.filer, "/m", "nested.bin", [{ fileId, offset: 0, size: 2 * BATCH * PIECE, manifest: true }]);
    const file = await kelp.openFiler(nested, { locate: locator(cluster) });
    assert.equal(file.size, 2 * BATCH * PIECE);
    const [start, end] = [BATCH * PIECE - 1000, BATCH * PIECE + 1000];
    assert.ok(content.subarray(start, end).equals(await file.bytes({ start, end })));
  });

  // F87
  test("a missing manifest is an error and not zeros", { timeout: 20_000 }, async () => {
    const [{ file_id: there }] = manifests;
    const gone = `${volumeIdOf(there)},ffffffff0012345678`;
    const span = BATCH * PIECE;
    const broken = await create(cluster.filer, "/m", "broken.bin", [there, gone].map((fileId, index) => ({ fileId, offset: index * span, size: span, manifest: true })));
    for (const locate of ["proxy", locator(cluster), { master: cluster.master }]) {
      const file = await kelp.openFiler(broken, { locate, retry: { passes: 2, baseDelay: 10 } });
      const start = span - 100 * PIECE;
      const { error, bytes } = await readToFailure(file.stream({ start }));
      assert.equal(error.code, "not_found", error.message);
      assert.equal(error.offset, span, "all chunks of the manifest before it were delivered");
      assert.ok(content.subarray(start, span).equals(bytes), "and is right");
    }
    await assert.rejects(fetch(broken).then((response) => response.arrayBuffer()));
  });

  // The last test that reads the file.
  test("a deleted manifest is read while its bytes are stored", { timeout: 20_000 }, async () => {
    const [, { file_id: fileId }] = manifests;
    const holders = await cluster.holders(volumeIdOf(fileId));
    await Promise.all(holders.map((origin) => fetch(`${origin}/${fileId}?type=replicate`, { method: "DELETE" })));
    for (const origin of holders) assert.equal((await fetch(`${origin}/${fileId}`)).status, 404);
    const [start, end] = [(BATCH + 100) * PIECE, (BATCH + 200) * PIECE];
    // URLs of a function are used unchanged, so it decides about readDeleted.
    for (const locate of ["proxy", { master: cluster.master }]) {
      const { file } = await open({ locate });
      assert.ok(content.subarray(start, end).equals(await file.bytes({ start, end })));
    }
  });
});

/** Creates an entry of stored chunks; resolves to its URL. */
async function create(filer, directory, name, chunks) {
  const grpc = new URL(filer);
  grpc.port = Number(grpc.port) + 10_000;
  const now = Math.floor(Date.now() / 1000);
  const attributes = message({ 2: now, 3: 0o660, 6: now });
  const listed = chunks.map(({ fileId, offset, size, tag, manifest }) => message({ 1: fileId, 2: offset, 3: size, 4: manifest ? 0 : now * 1_000_000_000, 5: tag, 11: manifest }));
  await call(grpc.origin, "/filer_pb.SeaweedFiler/CreateEntry", message({ 1: directory, 2: message({ 1: name, 3: listed, 4: attributes }) }));
  return `${filer}${directory}/${name}`;
}

const chunkMessage = ({ file_id: fileId, offset, size }) => message({ 1: fileId, 2: offset, 3: size, 11: true });
