// What decrypts: WebCrypto or the codec module.
import { equal, fails, ok } from "./assert.mjs";

/** With crypto.subtle: name, decoder, calls of crypto.subtle. */
const secure = [
  ["WebCrypto decrypts with decoder: native", "native", 36],
  ["the module decrypts with decoder: wasm", "wasm", 0],
  ["WebCrypto decrypts with decoder: auto", "auto", 36],
].map(([name, decoder, calls]) => ({
  name, cluster: "cipher",
  async run(kelp, store, help) {
    ok(globalThis.crypto?.subtle, "this platform has WebCrypto");
    const counted = countDecrypts();
    try {
      // In a worker they could not be counted.
      await readsFilm(kelp, store, help, { decoder, workers: 0 });
    } finally {
      counted.stop();
    }
    equal(counted.calls, calls, "calls of crypto.subtle.decrypt");
  },
}));

/** Without crypto.subtle, on pages of plain http. */
export const insecure = [
  ["without WebCrypto the module decrypts with decoder: auto", "auto"],
  ["without WebCrypto the module decrypts with decoder: wasm", "wasm"],
].map(([name, decoder]) => ({
  name, cluster: "cipher",
  async run(kelp, store, help) {
    equal(globalThis.crypto?.subtle, undefined, "crypto.subtle");
    await readsFilm(kelp, store, help, { decoder });
  },
}));

insecure.push({
  name: "decoder native is unsupported on a page of plain http", cluster: "cipher",
  async run(kelp, store) {
    equal(globalThis.crypto?.subtle, undefined, "crypto.subtle");
    const film = filmOf(store);
    await fails(kelp, "unsupported", kelp.openFiler(store.urlOf(film.path), { decoder: "native" }).then((file) => file.bytes()));
  },
});

async function readsFilm(kelp, store, help, options) {
  const film = filmOf(store);
  const file = await kelp.openFiler(store.urlOf(film.path), options);
  const bytes = await file.bytes();
  equal(bytes.length, film.size, "size");
  equal(await help.sha256(bytes), film.sha256, "sha256");
}

const filmOf = (store) => store.cases.find(({ name }) => name === "film");

/** Counts the calls of crypto.subtle.decrypt until it is stopped. */
export function countDecrypts() {
  const { prototype } = SubtleCrypto;
  const { decrypt } = prototype;
  const counted = { calls: 0, stop: () => { prototype.decrypt = decrypt; } };
  prototype.decrypt = function (...args) {
    counted.calls++;
    return decrypt.apply(this, args);
  };
  return counted;
}

export const decoders = secure;
