// Serves the gateway component under jco, and prints its origin. The component gets the environment of this process.
import { pathToFileURL } from "node:url";

const { incomingHandler } = await import(pathToFileURL(process.argv[2]));
const { HTTPServer } = await import(pathToFileURL(process.argv[3]));
const server = new HTTPServer(incomingHandler);
server.listen(0, "127.0.0.1");
console.log(`http://127.0.0.1:${server.address().port}`);
