// The minimal worker that joins chunks: it pipes one after another into one body.
export default {
  async fetch(_, { ORIGIN, FILE_IDS, LENGTH }, context) {
    const { readable, writable } = new FixedLengthStream(Number(LENGTH));
    context.waitUntil(join(FILE_IDS.split(" ").map((id) => `${ORIGIN}/?proxyChunkId=${id}`), writable));
    return new Response(readable, { headers: { "content-type": "application/octet-stream" } });
  },
};

// The next chunk is requested while one is piped.
async function join(urls, writable) {
  let next = fetch(urls[0]);
  for (const i of urls.keys()) {
    const { body } = await next;
    if (i + 1 < urls.length) next = fetch(urls[i + 1]);
    await body.pipeTo(writable, { preventClose: true });
  }
  await writable.close();
}
