// One plain response: the least that a browser can do for these bytes, if a server puts them together.

/**
 * @param {string} url of the whole file
 * @returns {Promise<ReadableStream<Uint8Array>>}
 */
export async function whole(url) {
  const response = await fetch(url, { cache: "no-store" });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.body;
}
