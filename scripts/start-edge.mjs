// `npm run start:edge`: runs gateway/ in workerd, in front of a store with files that a SeaweedFS wrote.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { signedUrl } from "../gateway/sign.mjs";
import { startStore } from "../tests/store/index.mjs";
import { isMain, main, run, target } from "./command.mjs";
import { bundleWorker, startWorker } from "./edge.mjs";
import { needNode } from "./install/toolchain.mjs";

/** The key that signs URLs of this demo. It is public. */
const URL_KEYS = "demo:this-secret-is-public-and-for-trying";

/** Starts both. Resolves to a URL of the film that is valid for a day. `port`: 0 for any free one. */
export async function startEdge({ port = 0 } = {}) {
  const store = await startStore({ cluster: "cipher" });
  const vars = { FILER: store.filer, ALLOW_PREFIXES: "/d", URL_KEYS, SUBREQUESTS: "1000" };
  const gateway = await startWorker(await bundleWorker(), vars, { port });
  const close = async () => {
    await gateway.close();
    await store.close();
  };
  return { url: signedUrl(`${gateway.origin}/d/film.webm`, { keys: URL_KEYS, seconds: 86_400 }), close };
}

async function startFromCommandLine() {
  needNode();
  if (!existsSync(join(target, "pack/consumer/node_modules/kelp-stream"))) await run("npm", ["test", "--", "pack"]);
  const { url, close } = await startEdge({ port: Number(process.env.PORT ?? 0) });
  console.log(`An encrypted film, decrypted in workerd; the URL is signed for a day:\n\n  curl -r 0-99 -D - -o /dev/null '${url}'\n\nor open it in a browser.`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => close().then(() => process.exit(0)));
}

if (isMain(import.meta)) await main(startFromCommandLine);
