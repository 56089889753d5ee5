// The simplest reader: one chunk after another.

/**
 * @param {{ url: string }[]} chunks in file order
 * @returns {ReadableStream<Uint8Array>}
 */
export function sequential(chunks) {
  let next = 0;
  return new ReadableStream({
    async pull(controller) {
      if (next === chunks.length) return controller.close();
      const response = await fetch(chunks[next++].url, { cache: "no-store" });
      if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
      controller.enqueue(new Uint8Array(await response.arrayBuffer()));
    },
  }, { highWaterMark: 0 });
}
