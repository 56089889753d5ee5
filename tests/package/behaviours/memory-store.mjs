// A store without a network, for tests of a stream and its reader: a manifest, and a `fetch` that serves it.

/** The byte at a position of the file. */
const byteAt = (position) => (position ^ (position >> 8)) & 255;

/** The bytes of a range of the file. */
export const contentOf = (start, end) => Uint8Array.from({ length: end - start }, (_, i) => byteAt(start + i));

export class MemoryStore {
  /** All requests: `{ index, signal, isOver }`. A request is over when its body has ended, or when it failed. */
  requests = [];
  /** The faults of chunks by index: "hang" (the body stops after half), or an error that `fetch` rejects with. */
  faults = new Map();

  constructor({ chunks = 16, length = 1000 } = {}) {
    this.length = length;
    this.size = chunks * length;
    const urls = (index) => [`https://store.example/${index}`];
    this.manifest = { size: this.size, chunks: Array.from({ length: chunks }, (_, i) => ({ urls: urls(i), offset: i * length, size: length })) };
  }

  get inFlight() {
    return this.requests.filter(({ signal, isOver }) => !isOver && !signal.aborted).length;
  }

  /** All chunks from `index` on hang. */
  hangFrom(index) {
    for (let i = index; i < this.size / this.length; i++) this.faults.set(i, "hang");
  }

  fetch = async (url, { signal, headers }) => {
    const index = Number(new URL(url).pathname.slice(1));
    const fault = this.faults.get(index);
    const request = { index, signal, isOver: fault instanceof Error };
    this.requests.push(request);
    if (request.isOver) throw fault;
    const [, from = 0, to = this.length - 1] = /^bytes=(\d+)-(\d+)?$/.exec(headers.get("range")) ?? [];
    const start = index * this.length + Number(from);
    const bytes = contentOf(start, Math.min(index * this.length + Number(to) + 1, this.size));
    const half = Math.ceil(bytes.length / 2);
    const pieces = [bytes.slice(0, half), ...(fault === "hang" ? [] : [bytes.slice(half)])];
    const body = new ReadableStream({
      async pull(controller) {
        if (pieces.length > 0) return controller.enqueue(pieces.shift());
        if (fault !== "hang") {
          request.isOver = true;
          return controller.close();
        }
        await new Promise(() => {});
      },
    });
    const status = headers.get("range") === null ? 200 : 206;
    return new Response(body, { status });
  };

  open(kelp, options) {
    // A fixed concurrency, so that it does not depend on other streams.
    return kelp.openManifest(this.manifest, { fetch: this.fetch, concurrency: 6, ...options });
  }
}
