// Who decrypts: WebCrypto or the module.
import { equal, fails, ok } from "./assert.mjs";

/** Where crypto.subtle is. */
const secure = [
  ["WebCrypto decrypts the film when asked to", "native", 36],
  ["the module decrypts the film when asked to", "wasm", 0],
  ["WebCrypto decrypts the film where there is one", "auto", 36],
].map(([name, decoder, calls]) => ({
  name, cluster: "cipher",
  async run(kelp, store, help) {
    ok(globalThis.crypto?.subtle, "this platform has WebCrypto");
    const counted = countDecrypts();
    try {
      await readsFilm(kelp, store, help, { decoder });
    } finally {
      counted.stop();
    }
    equal(counted.calls, calls, "calls of crypto.subtle.decrypt");
  },
}));

/** Where there is no crypto.subtle: pages of plain http. */
export const insecure = [
  ["a page of plain http has no WebCrypto, and the module decrypts the film", "auto"],
  ["on a page of plain http the module decrypts the film when asked to", "wasm"],
].map(([name, decoder]) => ({
  name, cluster: "cipher",
  async run(kelp, store, help) {
    equal(globalThis.crypto?.subtle, undefined, "crypto.subtle");
    await readsFilm(kelp, store, help, { decoder });
  },
}));

insecure.push({
  name: "a page of plain http cannot be asked to decrypt with WebCrypto", cluster: "cipher",
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

/** Counts what WebCrypto is asked to decrypt, until it is stopped. */
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
