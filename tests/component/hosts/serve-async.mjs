// Serves the gateway component for WASI 0.3 under jco, as serve.mjs does. Needs a Node with JSPI: 24 or newer.
import { once } from "node:events";
import { createServer } from "node:net";
import { pathToFileURL } from "node:url";

const { handler } = await import(pathToFileURL(process.argv[2]));
const { HttpServer } = await import(pathToFileURL(process.argv[3]));

// The function from jco returns the response or throws; the server of jco takes a result.
const server = new HttpServer({
  handle: (request) => handler.handle(request).then((val) => ({ tag: "ok", val }), (val) => ({ tag: "err", val })),
});
server.on("error", (error) => console.error(error));

// The server does not report its port.
const probe = createServer().listen(0, "127.0.0.1");
await once(probe, "listening");
const { port } = probe.address();
probe.close();
await once(probe, "close");
await server.listen(port, "127.0.0.1");
console.log(`http://127.0.0.1:${port}`);
