// The wasm module `codec`, driven through its C ABI (codec/module/src/lib.rs) as js/codec/ drives it.
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const file = (path) => readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)));
const module = new WebAssembly.Module(file("dist/kelp_stream_codec.wasm"));
const AGAIN = -5;

/** A new instance. Bytes are put into its memory with `put`, which returns their position. */
function instance() {
  const { exports } = new WebAssembly.Instance(module);
  const put = (bytes) => {
    const at = exports.alloc(bytes.length);
    new Uint8Array(exports.memory.buffer).set(bytes, at);
    return at;
  };
  const get = (at, length) => Buffer.from(new Uint8Array(exports.memory.buffer, at, length));
  return { ...exports, put, get, pages: () => exports.memory.buffer.byteLength / 65536 };
}

/** Decodes one chunk; resolves to its bytes, its digest and the error, which is 0 after success. */
function decode(codec, stored, { key, gzip = 0, outputLen = Infinity, maxOutput = Infinity, md5 = 0, step = 65_536 } = {}) {
  const keyAt = key === undefined ? 0 : codec.put(key);
  const job = codec.open(keyAt, gzip, stored.length, outputLen, maxOutput, md5);
  if (keyAt !== 0) codec.free(keyAt, 32);
  assert.ok(job > 0);
  for (let at = 0; at < stored.length; at += step) {
    const piece = stored.subarray(at, at + step);
    new Uint8Array(codec.memory.buffer).set(piece, codec.input(job) + at);
    codec.absorb(job, piece.length);
  }
  const pieces = [];
  let code;
  while ((code = codec.next(job)) > 0 || code === AGAIN) if (code > 0) pieces.push(codec.get(codec.output(job), code));
  assert.equal(codec.next(job), code, "the last result is final");
  const digest = codec.digest(job) === 0 ? undefined : codec.get(codec.digest(job), 16).toString("hex");
  codec.close(job);
  return { bytes: Buffer.concat(pieces), longest: Math.max(0, ...pieces.map((piece) => piece.length)), digest, error: code };
}

function seal(key, plain, nonce = Buffer.alloc(12, 9)) {
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

// Half of it repeats, half is noise.
function content(length) {
  const bytes = Buffer.alloc(length);
  let state = length + 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = i % 2 === 0 ? (i >> 7) & 0xff : state >>> 24;
  }
  return bytes;
}

const md5 = (bytes) => createHash("md5").update(bytes).digest("hex");

test("the module has no imports and the agreed exports", () => {
  assert.deepEqual(WebAssembly.Module.imports(module), []);
  const names = WebAssembly.Module.exports(module).filter(({ kind }) => kind === "function").map(({ name }) => name);
  const agreed = ["abi", "absorb", "alloc", "close", "crc32c", "ctr", "digest", "free", "input", "lanes", "md5_finish", "md5_free", "md5_new", "md5_update", "next", "open", "output"];
  assert.deepEqual(names.sort(), agreed);
  const codec = instance();
  assert.equal(codec.abi(), 1);
  assert.equal(codec.lanes(), 7);
});

// F54, F59
test("published vectors of AES-256-GCM", () => {
  const codec = instance();
  const vectors = JSON.parse(file("tests/fixtures/vectors/aes-256-gcm.json"));
  const unhex = (text) => Buffer.from(text, "hex");
  for (const { name, key, stored, plain } of vectors) {
    const { bytes, error } = decode(codec, unhex(stored), { key: unhex(key) });
    assert.deepEqual([error, bytes.toString("hex")], plain == null ? [-1, ""] : [0, plain], name);
  }
  assert.equal(vectors.length, 123);
});

test("every form of a chunk, in steps of any length", () => {
  const codec = instance();
  const key = Buffer.alloc(32, 7);
  for (const length of [0, 1, 15, 16, 1000, 300_000, 1_500_001]) {
    const plain = content(length);
    const packed = gzipSync(plain, { level: 1 });
    for (const step of [7777, 65_536, 4 << 20]) {
      for (const options of [{}, { key }, { gzip: 1 }, { key, gzip: 1 }]) {
        const body = options.gzip === 1 ? packed : plain;
        const stored = options.key === undefined ? body : seal(key, body);
        const result = decode(codec, stored, { ...options, step, md5: 1, maxOutput: length });
        assert.equal(result.error, 0);
        assert.ok(result.bytes.equals(plain), `${length} bytes, ${JSON.stringify(options)}`);
        assert.equal(result.digest, md5(plain));
        assert.ok(result.longest <= 256 << 10);
      }
    }
  }
});

test("only the wanted bytes are returned, and the digest is of all", () => {
  const codec = instance();
  const key = Buffer.alloc(32, 7);
  const plain = content(1_000_000);
  const packed = gzipSync(plain, { level: 1 });
  for (const outputLen of [0, 1, 300_000]) {
    for (const [stored, options] of [[plain, {}], [seal(key, plain), { key }], [packed, { gzip: 1 }], [seal(key, packed), { key, gzip: 1 }]]) {
      const result = decode(codec, stored, { ...options, outputLen, md5: 1 });
      assert.ok(result.error === 0 && result.bytes.equals(plain.subarray(0, outputLen)));
      assert.equal(result.digest, md5(plain));
      assert.equal(decode(codec, stored, { ...options, outputLen }).digest, undefined);
    }
  }
});

// F54, F57, F58, F64, F66, F67
test("each error has its number, and nothing is decrypted before", () => {
  const codec = instance();
  const key = Buffer.alloc(32, 7);
  const plain = content(100_000);
  const packed = gzipSync(plain);
  for (const at of [0, 11, 12, 50_000, 100_011, 100_012, 100_027]) {
    const damaged = seal(key, plain);
    damaged[at] ^= 1;
    const { error, bytes } = decode(codec, damaged, { key });
    assert.deepEqual([error, bytes.length], [-1, 0], `byte ${at}`);
  }
  for (const length of [0, 11, 12, 27]) assert.equal(decode(codec, seal(key, plain).subarray(0, length), { key }).error, -2, `${length} bytes`);
  assert.equal(decode(codec, seal(key, plain).subarray(0, 28), { key }).error, -1);
  for (const length of [0, 1, 9, 10, 20, packed.length - 1]) assert.equal(decode(codec, packed.subarray(0, length), { gzip: 1 }).error, -3, `${length} bytes`);
  assert.equal(decode(codec, Buffer.concat([packed, Buffer.from("x")]), { gzip: 1 }).error, -3);
  assert.equal(decode(codec, packed, { gzip: 1, maxOutput: plain.length - 1 }).error, -4);
  assert.equal(decode(codec, seal(key, gzipSync(Buffer.alloc(50 << 20))), { key, gzip: 1, maxOutput: 1 << 20 }).error, -4);
  assert.equal(decode(codec, packed, { gzip: 1, maxOutput: NaN }).error, -4);
});

test("a ciphertext stays as it is until the tag was checked", () => {
  const codec = instance();
  const stored = seal(Buffer.alloc(32, 7), content(5000));
  stored[100] ^= 1;
  const key = codec.put(Buffer.alloc(32, 7));
  const job = codec.open(key, 0, stored.length, Infinity, Infinity, 0);
  new Uint8Array(codec.memory.buffer).set(stored, codec.input(job));
  codec.absorb(job, stored.length);
  assert.equal(codec.next(job), -1);
  assert.ok(codec.get(codec.input(job), stored.length).equals(stored));
});

test("a confused caller gets an error or nothing", () => {
  const codec = instance();
  assert.equal(codec.next(0), -6);
  assert.equal(codec.next(12345), -6);
  assert.equal(codec.input(12345), 0);
  assert.equal(codec.output(12345), 0);
  assert.equal(codec.digest(12345), 0);
  codec.absorb(12345, 10);
  codec.close(12345);
  const job = codec.open(0, 0, 10, Infinity, Infinity, 0);
  codec.absorb(job, 9);
  assert.equal(codec.next(job), -6, "a byte is missing");
  codec.absorb(job, 0xffff_ffff);
  assert.equal(codec.next(job), 10);
  codec.close(job);
  codec.close(job);
  assert.equal(codec.next(job), -6, "closed");
  assert.notEqual(codec.open(0, 0, 10, Infinity, Infinity, 0), job, "a handle is not used again soon");
  assert.equal(codec.open(0xffff_fff0, 0, 10, Infinity, Infinity, 0), 0, "a key beyond memory");
  assert.equal(codec.open(0, 0, 0xffff_ffff, Infinity, Infinity, 0), 0, "more than there is");
  assert.equal(codec.alloc(0xffff_ffff), 0);
  codec.free(16, 32);
  codec.free(0, 0);
  assert.equal(codec.crc32c(5, 0xffff_fff0, 100), 5);
  assert.equal(codec.ctr(0, 0, 0, 0, 10), 0);
  assert.equal(codec.md5_finish(7, codec.alloc(16)), 0);
  assert.equal(codec.md5_update(0xffff_fff0, 0x2000_0000), 0);
});

test("digests in lockstep, in rows of any length and order", () => {
  const codec = instance();
  const texts = [0, 1, 64, 100, 5000, 70_000].map(content);
  const digests = texts.map(() => codec.md5_new());
  const positions = texts.map((text) => codec.put(text));
  const out = codec.alloc(16);
  const update = (rows) => {
    const table = codec.put(new Uint8Array(Uint32Array.from(rows.flat()).buffer));
    assert.equal(codec.md5_update(table, rows.length), rows.length);
    codec.free(table, rows.length * 12);
  };
  // The same digest twice in one table: the order of rows is kept.
  update(texts.flatMap((text, i) => {
    const cut = text.length >> 1;
    return [[digests[i], positions[i], cut], [digests[i], positions[i] + cut, text.length - cut - (text.length >> 2)]];
  }));
  update(texts.map((text, i) => [digests[i], positions[i] + text.length - (text.length >> 2), text.length >> 2]).reverse());
  for (const [i, text] of texts.entries()) {
    assert.equal(codec.md5_finish(digests[i], out), 1);
    assert.equal(codec.get(out, 16).toString("hex"), md5(text));
    codec.md5_free(digests[i]);
    assert.equal(codec.md5_finish(digests[i], out), 0);
  }
});

test("AES-256-CTR from any position, and CRC-32C", () => {
  const codec = instance();
  const [key, iv] = [content(32), Buffer.alloc(16, 0xff)];
  const plain = content(3000);
  const cipher = createCipheriv("aes-256-ctr", key, iv);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  const [keyAt, ivAt] = [codec.put(key), codec.put(iv)];
  for (const from of [0, 1, 16, 100, 2999]) {
    const at = codec.put(sealed.subarray(from));
    assert.equal(codec.ctr(keyAt, ivAt, from, at, 3000 - from), 1);
    assert.ok(codec.get(at, 3000 - from).equals(plain.subarray(from)), `from ${from}`);
  }
  // Beyond 2^32 the counter of a block is that of the position.
  const far = 5 * 2 ** 32 + 3;
  const counter = Buffer.from(((2n ** 128n - 1n + BigInt(far) / 16n) % 2n ** 128n).toString(16).padStart(32, "0"), "hex");
  const stream = createDecipheriv("aes-256-ctr", key, counter).update(Buffer.alloc(35)).subarray(3);
  const at = codec.put(Buffer.alloc(32));
  codec.ctr(keyAt, ivAt, far, at, 32);
  assert.ok(codec.get(at, 32).equals(stream));
  // RFC 3720, B.4.
  const digits = codec.put(Buffer.from("123456789"));
  assert.equal(codec.crc32c(codec.crc32c(0, digits, 4), digits + 4, 5) >>> 0, 0xe306_9283);
});

// F92
test("memory stays flat over a thousand jobs", () => {
  const codec = instance();
  const key = Buffer.alloc(32, 7);
  const plain = content(1 << 20);
  const run = (count) => {
    for (let i = 0; i < count; i++) {
      const part = plain.subarray(0, 1 + ((i * 7919 * 511) % plain.length) / (i % 10 === 0 ? 1 : 16));
      const open = i % 3 === 0 ? { key } : { key, gzip: 1 };
      const stored = seal(key, open.gzip === 1 ? gzipSync(part, { level: 0 }) : part);
      if (i % 5 === 0) stored[stored.length - 1] ^= 1;
      assert.equal(decode(codec, stored, open).error, i % 5 === 0 ? -1 : 0);
      // One that is given up in the middle.
      codec.close(codec.open(0, 1, 100_000, Infinity, Infinity, 1));
      codec.md5_free(codec.md5_new());
    }
  };
  run(500);
  const before = codec.pages();
  run(1000);
  assert.equal(codec.pages(), before);
  assert.ok(before * 65_536 < 40 << 20, `${before} pages`);
});

/** The forms that a key has in memory: itself, the first round key as bit planes, and the hash key. */
function formsOf(key) {
  const cipher = createCipheriv("aes-256-ecb", key, null);
  const planes = Buffer.alloc(128);
  for (let bit = 0; bit < 8; bit++) {
    for (let row = 0; row < 4; row++) {
      for (let column = 0; column < 4; column++) planes[16 * bit + 4 * row + column] = (key[4 * column + row] >> bit) & 1 ? 0xff : 0;
    }
  }
  return { "first half": key.subarray(0, 16), "second half": key.subarray(16), "round key": planes, "hash key": cipher.update(Buffer.alloc(16)).reverse() };
}

test("no key is left in memory after a job", () => {
  const codec = instance();
  const key = createHash("sha256").update("a key").digest();
  const found = () => {
    const memory = Buffer.from(codec.memory.buffer);
    return Object.entries(formsOf(key)).filter(([, bytes]) => memory.includes(bytes)).map(([name]) => name);
  };
  const begin = (stored, length) => {
    const at = codec.put(key);
    const job = codec.open(at, 0, stored.length, Infinity, Infinity, 0);
    codec.free(at, 32);
    new Uint8Array(codec.memory.buffer).set(stored, codec.input(job));
    codec.absorb(job, length);
    return job;
  };
  for (const length of [100_000, 1]) {
    const stored = seal(key, content(length));
    const job = begin(stored, stored.length);
    assert.deepEqual(found(), ["round key", "hash key"], "while a chunk arrives: the search finds what there is");
    while (codec.next(job) > 0);
    codec.close(job);
    assert.deepEqual(found(), [], `after ${length} bytes`);
    decode(codec, stored, { key });
    assert.deepEqual(found(), [], `after ${length} bytes, again`);
  }
  decode(codec, Buffer.alloc(20), { key });
  assert.deepEqual(found(), [], "after a truncated chunk");
  for (const length of [0, 11, 12, 500]) {
    codec.close(begin(seal(key, content(1000)), length));
    assert.deepEqual(found(), [], `after a chunk that was given up at ${length} bytes`);
  }
  const damaged = seal(key, content(1000));
  damaged[500] ^= 1;
  decode(codec, damaged, { key });
  assert.deepEqual(found(), [], "after a wrong tag");
  const [keyAt, ivAt, at] = [codec.put(key), codec.put(Buffer.alloc(16)), codec.put(Buffer.alloc(100))];
  codec.ctr(keyAt, ivAt, 0, at, 100);
  codec.free(keyAt, 32);
  assert.deepEqual(found(), [], "after AES-256-CTR");
});
