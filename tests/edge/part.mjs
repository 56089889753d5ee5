// A file of the gateway by itself, in Node.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** What it exports. */
export async function importPart(name) {
  const entry = fileURLToPath(new URL(`../../gateway/src/${name}`, import.meta.url));
  const { outputFiles: [{ text }] } = await build({ entryPoints: [entry], bundle: true, write: false, format: "esm" });
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
}
