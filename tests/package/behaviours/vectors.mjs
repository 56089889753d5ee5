// Published test vectors of AES-256-GCM (tests/fixtures/vectors), read through a stream.
import { equal, fails, ok, sameBytes } from "./assert.mjs";
import { countDecrypts } from "./decoders.mjs";
import { readAll } from "./helpers.mjs";

/** The bytes that AES-GCM adds to a chunk: nonce and tag. */
const SEAL_BYTES = 28;

/** One attempt each. */
const ONCE = { retry: { passes: 1, baseDelay: 0, maxDelay: 0 } };

export const vectors = [
  ["WebCrypto opens every valid vector of AES-256-GCM, and no invalid one", "native"],
  ["the module opens every valid vector of AES-256-GCM, and no invalid one", "wasm"],
].map(([name, decoder]) => ({
  name, cluster: null,
  async run(kelp, store) {
    // A chunk without bytes of the file is never read: tests/vectors.rs covers empty texts.
    const list = (await store.vectors()).filter(({ stored }) => fromHex(stored).length > SEAL_BYTES);
    equal(list.length, 107, "vectors");
    const counted = countDecrypts();
    try {
      for (const vector of list) await opensIfValid(kelp, vector, { decoder, ...ONCE });
    } finally {
      counted.stop();
    }
    equal(counted.calls, decoder === "native" ? list.length : 0, "calls of crypto.subtle.decrypt");
  },
}));

/** A file of one chunk, whose stored bytes come from the fetch option. */
async function opensIfValid(kelp, { name, key, stored, plain }, options) {
  const bytes = fromHex(stored);
  const size = bytes.length - SEAL_BYTES;
  const chunk = { urls: ["http://vectors.test/"], offset: 0, size, key: fromHex(key) };
  const file = await kelp.openManifest({ size, chunks: [chunk] }, { ...options, fetch: async () => new Response(bytes) });
  const read = await readAll(file.stream());
  if (plain === null) {
    ok(read.error !== null, `${name}: it was opened`);
    await fails(kelp, "corrupt", Promise.reject(read.error), name);
    equal(read.bytes.length, 0, `${name}: bytes delivered`);
  } else {
    if (read.error) throw new Error(name, { cause: read.error });
    sameBytes(read.bytes, fromHex(plain), name);
  }
}

const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
