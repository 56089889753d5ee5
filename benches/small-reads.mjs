// Bytes that libraries fetch which read small pieces of an encrypted file, over the bytes of the chunks that they touch: with and
// without kept chunks. Bytes do not depend on the machine.
import { libraries, measure } from "../tests/package/libraries.mjs";

const kelp = await import(new URL("../dist/node.js", import.meta.url));
console.log("| library | reads | nothing kept | kept |\n|---|---|---|---|");
for (const name of Object.keys(libraries)) {
  const [off, on] = [await measure(kelp, name, { maxCacheBytes: 0 }), await measure(kelp, name)];
  console.log(`| ${name} | ${on.reads} | ${(off.sent / off.touched).toFixed(1)}x | ${(on.sent / on.touched).toFixed(2)}x |`);
}
