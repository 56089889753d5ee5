// Decoding compared with good JavaScript that uses what the browser has, on the page's thread and in two workers.
import { measureCoded } from "../coded.mjs";

export const title = "4 MiB chunks that must be decoded, 4 at a time, over WebCrypto and DecompressionStream by hand";

const PAGE = { blocked: 5, longest: 16 };
/** Of one step alone: no slower than by hand. */
const EVEN = { alone: 1, workers: 1, beside: 1, ...PAGE };

export async function run(bench) {
  const measure = (title, about) => measureCoded(bench, { title, by: "platform", cipher: false, gzip: false, ...about });
  await measure("gzip in AES-GCM", {
    cipher: true, gzip: true,
    goals: { "over HTTP": { alone: 1.4, workers: 1.8, beside: 1.25, ...PAGE }, "from memory": { alone: 1.5, workers: 2.4, beside: 1.25, ...PAGE } },
  });
  await measure("AES-GCM", { cipher: true, goals: { "over HTTP": EVEN, "from memory": EVEN } });
  await measure("gzip", { gzip: true, goals: { "over HTTP": EVEN, "from memory": EVEN } });
}
