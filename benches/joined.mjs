// The least that joining takes: a worker that pipes chunks one after another into one body, and does nothing else.
export default {
  async fetch(_, { ORIGIN, FILE_IDS, LENGTH }, context) {
    const { readable, writable } = new FixedLengthStream(Number(LENGTH));
    context.waitUntil(join(FILE_IDS.split(" ").map((id) => `${ORIGIN}/?proxyChunkId=${id}`), writable));
    return new Response(readable, { headers: { "content-type": "application/octet-stream" } });
  },
};

// The next one is asked for while one goes by.
async function join(urls, writable) {
  let next = fetch(urls[0]);
  for (const i of urls.keys()) {
    const { body } = await next;
    if (i + 1 < urls.length) next = fetch(urls[i + 1]);
    await body.pipeTo(writable, { preventClose: true });
  }
  await writable.close();
}
