// Decoding in a page that has no WebCrypto, as pages of http have not, compared with the crates aes-gcm and flate2 in wasm.
import { Failure } from "../../scripts/command.mjs";
import { measureCoded } from "../coded.mjs";
import { buildRival } from "../rival.mjs";

export const title = "4 MiB chunks that must be decoded, 4 at a time, in a page without WebCrypto, over the crates in wasm by hand";

/** The page's origin: http with a name other than localhost is no secure context. */
export const host = "kelp.test";

const GOALS = { alone: 2.5, workers: 3.5, longest: 16 };

export async function run(bench) {
  await buildRival();
  if (await bench.ask("hasWebCrypto")) throw new Failure(`the page of ${host} has WebCrypto`);
  const goals = { "over HTTP": GOALS, "from memory": GOALS };
  await measureCoded(bench, { title: "AES-GCM", cipher: true, gzip: false, by: "crates", goals });
  await measureCoded(bench, { title: "gzip in AES-GCM", cipher: true, gzip: true, by: "crates", goals });
}
