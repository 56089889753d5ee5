// What a behaviour needs of its platform, by the server of the page or program that it runs in: a page of plain http has no
// crypto.subtle.

/** @returns {import("./index.mjs").Help} */
export function helpOf(server) {
  // Behaviours may put another in its place.
  const { fetch } = globalThis;
  return {
    sha256: async (bytes) => (await fetch(`${server}/sha256`, { method: "POST", body: bytes })).text(),
    async content(name, length) {
      const response = await fetch(`${server}/content?name=${encodeURIComponent(name)}&length=${length}`);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}
