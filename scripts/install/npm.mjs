// Packages that the tests need and the project does not depend on: each has a folder of its own below target/.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt } from "../command.mjs";

const OPTIONS = ["--no-save", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];

/** Installs exactly these into a folder, unless it has them. What went wrong, in a line; nothing if nothing did. */
export function npmInstall(folder, ...packages) {
  const manifest = join(folder, "package.json");
  const installed = JSON.stringify({ private: true, type: "module", installed: packages });
  if (existsSync(manifest) && readFileSync(manifest, "utf8") === installed) return undefined;
  mkdirSync(folder, { recursive: true });
  writeFileSync(manifest, JSON.stringify({ private: true, type: "module" }));
  const fault = attempt("npm", ["install", ...OPTIONS, ...packages], folder);
  if (fault) return `npm cannot install ${packages[0]}: ${fault}`;
  writeFileSync(manifest, installed);
}
