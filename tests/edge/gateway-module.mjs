// Imports one module of the gateway into Node.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The exports of `gateway/src/<name>`. */
export async function importModule(name) {
  const entry = fileURLToPath(new URL(`../../gateway/src/${name}`, import.meta.url));
  const { outputFiles: [{ text }] } = await build({ entryPoints: [entry], bundle: true, write: false, format: "esm" });
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
}
