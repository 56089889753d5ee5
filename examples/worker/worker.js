// A minimal worker in the style of Cloudflare Workers: GET of files below PREFIX from a filer, with ranges, decrypted at the edge.
// It checks no signature and plans no subrequests: for that, see the edge gateway.
import { openFiler } from "kelp-stream";

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith(env.PREFIX)) return new Response("not found\n", { status: 404 });
    try {
      // Six requests at a time is what Workers allow; an isolate has 128 MB for all of its requests.
      const file = await openFiler(env.FILER + pathname, { concurrency: 4, maxBytesAhead: 8 * 2 ** 20, signal: request.signal });
      const response = await file.response(request);
      response.headers.set("Content-Security-Policy", "sandbox");
      response.headers.set("X-Content-Type-Options", "nosniff");
      return response;
    } catch (error) {
      return new Response(`${error.code ?? "error"}\n`, { status: error.code === "not_found" ? 404 : 502 });
    }
  },
};
