// A worker that reads a file by the package. MODE: what the user's `fetch` makes of the body of a chunk.
import { openFiler } from "kelp-stream";

const bodyOf = {
  asIs: (response) => response,
  // The user's `fetch` ignores the signal.
  deaf: (response) => response,
  // Not a byte stream: only a default reader can read it.
  defaultStream: ({ body }) => new Response(streamOf(body)),
  byteStream: ({ body, headers }) => new Response(streamOf(body, "bytes"), { headers }),
  locked(response) {
    response.body.getReader();
    return response;
  },
  announcedShort: ({ body }) => new Response(body, { headers: { "content-length": "10" } }),
  announcedLong: ({ body }) => new Response(body, { headers: { "content-length": "100000000" } }),
  announcedNothing: ({ body }) => new Response(body, { headers: { "content-length": "0" } }),
  notANumber: ({ body }) => new Response(body, { headers: { "content-length": "many" } }),
};

function streamOf(body, type) {
  const reader = body.getReader();
  const pull = async (controller) => {
    const { value, done } = await reader.read();
    if (!done) return controller.enqueue(value);
    controller.close();
    controller.byobRequest?.respond(0);
  };
  return new ReadableStream({ type, pull, cancel: (reason) => reader.cancel(reason) });
}

export default {
  async fetch(request, { FILER, MODE }) {
    const { pathname, searchParams } = new URL(request.url);
    const change = bodyOf[MODE];
    const ownFetch = async (url, init) => (url.includes("proxyChunkId") ? change(await fetch(url, MODE === "deaf" ? { headers: init.headers } : init)) : fetch(url, init));
    try {
      const file = await openFiler(FILER + pathname, {
        fetch: ownFetch, retry: { passes: 2, maxDelay: 50 }, timeout: { idle: Number(searchParams.get("idle") ?? 20_000) }, concurrency: 2,
      });
      const way = searchParams.get("way");
      if (way === "cancel") return openEnded(await cancelled(file));
      if (way === "byob") return new Response(await byob(file));
      return way === "response" ? file.response(request) : new Response(file.stream(), { headers: { "content-type": "application/octet-stream" } });
    } catch (error) {
      return new Response(`${error.code}: ${error.message}`, { status: 500 });
    }
  },
};

// Cancels while a read waits for more than has arrived.
async function cancelled(file) {
  const reader = file.stream().getReader();
  let length = 0;
  for (;;) {
    const read = reader.read();
    const late = await Promise.race([read, scheduler.wait(300)]);
    if (late === undefined) break;
    length += late.value.length;
  }
  await reader.cancel();
  return String(length);
}

/** A response that ends late: when a request ends, so do all requests that it made. */
function openEnded(text) {
  const start = (controller) => controller.enqueue(new TextEncoder().encode(text));
  const pull = async (controller) => {
    await scheduler.wait(10_000);
    controller.close();
  };
  return new Response(new ReadableStream({ start, pull }));
}

/** How many bytes a BYOB reader gets. */
async function byob(file) {
  const reader = file.stream().getReader({ mode: "byob" });
  let [all, buffer] = [0, new ArrayBuffer(100_003)];
  for (;;) {
    const { value, done } = await reader.read(new Uint8Array(buffer));
    if (done) return String(all);
    all += value.length;
    buffer = value.buffer;
  }
}
