// The baseline of the gateway: a worker that passes a body through.
export default {
  async fetch(request, { ORIGIN }) {
    const { pathname, search } = new URL(request.url);
    const { status, body, headers } = await fetch(ORIGIN + pathname + search);
    return new Response(body, { status, headers: { "content-type": "application/octet-stream", "content-length": headers.get("content-length") } });
  },
};
