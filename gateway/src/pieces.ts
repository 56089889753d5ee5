// Bodies in large pieces: by itself the runtime hands out 4 KiB at a time, and each costs as much as its bytes.
import type { Fetch } from "./outbound";

// Filled to the last byte: what is not would be copied before it is handed on.
const PIECE = 128 * 2 ** 10;

/** As this fetch, but for what its bodies are read in. */
export function inLargePieces(inner: Fetch): Fetch {
  return async (input, init) => {
    const response = await inner(input, init);
    if (!response.body) return response;
    const { status, headers, body } = response;
    return new Response(enlarged(body), { status, headers });
  };
}

function enlarged(body: ReadableStream): ReadableStream<Uint8Array> {
  const reader = body.getReader({ mode: "byob" });
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await reader.readAtLeast(PIECE, new Uint8Array(PIECE));
      if (value && value.byteLength > 0) controller.enqueue(value);
      if (done) controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
