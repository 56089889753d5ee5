// Reads bodies in large pieces. By default the runtime gives 4 KiB at a time, and each piece costs as much CPU as its bytes.
import type { Fetch } from "./outbound";

// Each piece is filled completely: a part of a buffer would be copied before it is passed on.
const PIECE = 128 * 2 ** 10;

/** The same fetch, with bodies that are read in large pieces. */
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
