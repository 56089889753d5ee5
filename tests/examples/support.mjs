// What the tests of the examples share: a folder of examples/ as pages, beside the installed package; and the film of the fixtures.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { root } from "../../scripts/command.mjs";
import { startStore } from "../store/index.mjs";

/** A folder below examples/. */
export const example = (name) => join(root, "examples", name);

/** The files of an example as routes of `servePackage`, at the paths where `npm start` serves them. */
export function routesOf(name) {
  const files = readdirSync(example(name)).filter((file) => statSync(join(example(name), file)).isFile());
  const route = (file) => ({ type: TYPES[extname(file)] ?? "text/plain", body: readFileSync(join(example(name), file)) });
  const routes = Object.fromEntries(files.map((file) => [`/examples/${name}/${file}`, route(file)]));
  return { ...routes, [`/examples/${name}/`]: routes[`/examples/${name}/index.html`] };
}

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript" };

/** A store with an encrypted film: `{ store, url, size, sha256 }`. */
export async function startFilm() {
  const store = await startStore({ cluster: "cipher" });
  const { path, size, sha256 } = store.cases.find(({ name }) => name === "film");
  return { store, url: store.filer + path, size, sha256 };
}
