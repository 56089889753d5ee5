// `npm run start:edge`: runs gateway/ in workerd, in front of a store with files that a SeaweedFS wrote.
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startStore } from "../tests/store/index.mjs";
import { isMain, main, run, target } from "./command.mjs";
import { bundleWorker, startWorker } from "./edge.mjs";
import { needNode } from "./install/toolchain.mjs";

/** The secret that signs URLs of this demo. It is public. */
const SECRET = "for trying";

/** Starts both. Resolves to a URL of the film that is valid for a day. `port`: 0 for any free one. */
export async function startEdge({ port = 0 } = {}) {
  const store = await startStore({ cluster: "cipher" });
  const vars = { FILER: store.filer, ALLOW_PREFIXES: "/d", URL_SECRET: SECRET, SUBREQUESTS: "1000" };
  const gateway = await startWorker(await bundleWorker(), vars, { port });
  const close = async () => {
    await gateway.close();
    await store.close();
  };
  return { url: gateway.origin + signed("/d/film.webm"), close };
}

/** Signs a path as a backend does. */
function signed(path) {
  const expires = Math.floor(Date.now() / 1000) + 86_400;
  const signature = createHmac("sha256", SECRET).update(`${path}\n${expires}`).digest("base64url");
  return `${path}?expires=${expires}&signature=${signature}`;
}

async function startFromCommandLine() {
  needNode();
  if (!existsSync(join(target, "pack/consumer/node_modules/kelp-stream"))) await run("npm", ["test", "--", "pack"]);
  const { url, close } = await startEdge({ port: Number(process.env.PORT ?? 0) });
  console.log(`An encrypted film, decrypted in workerd; the URL is signed for a day:\n\n  curl -r 0-99 -D - -o /dev/null '${url}'\n\nor open it in a browser.`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => close().then(() => process.exit(0)));
}

if (isMain(import.meta)) await main(startFromCommandLine);
