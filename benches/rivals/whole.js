// One plain response of the whole file, which a server assembles: the least work for a browser.

/**
 * @param {string} url of the whole file
 * @returns {Promise<ReadableStream<Uint8Array>>}
 */
export async function whole(url) {
  const response = await fetch(url, { cache: "no-store" });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.body;
}
