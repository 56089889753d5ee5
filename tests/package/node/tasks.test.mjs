// What the page's thread does beside the kernels: work that cannot be cut has a task of its own, and bytes are not copied again.
import assert from "node:assert/strict";
import { createCipheriv, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decode } from "../../../js/codec/decode.js";
import { Decoding, isAlone } from "../../../js/codec/decoding.js";
import { giveCodec } from "../../../js/codec/module.js";
import { later } from "../../../js/codec/turns.js";
import { send } from "../../../js/request.js";
import { listen } from "../../../js/ticket.js";
import { installed } from "../support.mjs";

const LARGE = 2 << 20;

/** Counts the calls in the fullest task. */
class Tasks {
  most = 0;
  #calls = 0;

  count() {
    // After all promises of this task.
    if (this.#calls++ === 0) process.nextTick(() => (this.#calls = 0));
    this.most = Math.max(this.most, this.#calls);
  }
}

// F216
test("WebCrypto gets each large chunk in a task of its own", async (t) => {
  const tasks = new Tasks();
  t.mock.method(crypto.subtle, "decrypt", async () => {
    tasks.count();
    return new ArrayBuffer(1);
  });
  const params = () => ({ key: new Uint8Array(32), gzip: false, outputLength: 1, maxOutput: 1, native: true });
  // A slice begins.
  await new Promise(later);
  const results = await Promise.all(Array.from({ length: 5 }, () => decode([new Uint8Array(LARGE)], params())));
  assert.deepEqual(results.map(({ by }) => by), Array(5).fill("webcrypto"));
  assert.equal(tasks.most, 1);
});

// F217
test("bodies from memory are not read in one task", async () => {
  const tasks = new Tasks();
  let reads = 0;
  const fetch = async () => ({
    status: 200,
    headers: new Headers(),
    body: {
      getReader: () => ({
        read: async () => {
          tasks.count();
          reads++;
          return { done: false, value: new Uint8Array(LARGE) };
        },
      }),
    },
  });
  const pieces = new Promise((done) => {
    let count = 0;
    listen((ticket, kind) => (kind === 1 ? ++count === 5 && done() : requests[ticket].read()), "");
  });
  const requests = Array.from({ length: 5 }, (_, ticket) => send(ticket, fetch, "http://files.test/", undefined, -1, 0, false, 0));
  await pieces;
  requests.forEach((request) => request.cancel());
  assert.deepEqual([reads, tasks.most], [5, 1]);
});

// F218
test("decoded bytes that fill most of an array leave it without a copy", async () => {
  giveCodec(new WebAssembly.Module(readFileSync(join(installed, "dist/kelp_stream_codec.wasm"))));
  const [key, plain] = [randomBytes(32), randomBytes(LARGE)];
  const cipher = createCipheriv("aes-256-gcm", key, Buffer.alloc(12));
  const stored = new Uint8Array([...Buffer.alloc(12), ...cipher.update(plain), ...cipher.final(), ...cipher.getAuthTag()]);
  const { pieces } = await new Decoding(false, undefined, 0).start([stored], [true], new Uint8Array(key), false, LARGE, LARGE).done;
  assert.deepEqual([pieces.length, pieces[0].buffer === stored.buffer, isAlone(pieces[0])], [1, true, true]);
  assert.equal(Buffer.compare(pieces[0], plain), 0);
  assert.equal(isAlone(pieces[0].subarray(0, 5)), false, "a part shares the buffer");
  assert.deepEqual(new Uint8Array(pieces[0].buffer, LARGE), new Uint8Array(28), "no stored bytes are left");
});
