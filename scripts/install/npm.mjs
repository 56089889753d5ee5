// Installs npm packages that only some tests need into their own folders in target/.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt } from "../command.mjs";

const OPTIONS = ["--no-save", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];

/** Installs exactly these packages into a folder, unless it has them. Returns the error in one line, or `undefined`. */
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
