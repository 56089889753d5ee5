// The `Help` of a behaviour, computed by the server of its page or program: a page of plain http has no crypto.subtle.

/** @returns {import("./index.mjs").Help} */
export function helpOf(server) {
  // Behaviours may replace the global one.
  const { fetch } = globalThis;
  return {
    sha256: async (bytes) => (await fetch(`${server}/sha256`, { method: "POST", body: bytes })).text(),
    async content(name, length) {
      const response = await fetch(`${server}/content?name=${encodeURIComponent(name)}&length=${length}`);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}
