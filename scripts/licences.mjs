// Checks the dependencies: every crate is from the registry, under a licence that deny.toml allows; and no advisory is against it, if
// cargo-deny and its database are available.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ask, Failure, isMain, main, root, run } from "./command.mjs";

/** Checks the licence and the source of every crate in Cargo.lock, then runs cargo-deny if it is installed. */
export async function checkLicences() {
  const crates = locked();
  const allowed = allowedLicences();
  const wrong = crates.flatMap((crate) => faults(crate, allowed));
  if (wrong.length > 0) throw new Failure(wrong.join("\n"));
  console.log(`${crates.length} crates: all from the registry, all under a licence of deny.toml`);
  await deny();
}

// Needs no network besides the registry. Packages that are not published are our own.
function locked() {
  const { packages } = JSON.parse(ask("cargo", ["metadata", "--locked", "--format-version", "1"]) ?? fail("cargo metadata --locked failed"));
  const others = packages.filter(({ source, publish }) => source !== null || publish === null);
  return others.length > 1 ? others : fail("cargo metadata names no crate");
}

function faults({ name, version, license, source }, allowed) {
  const list = [];
  if (source !== null && !source.startsWith("registry+")) list.push(`${name} ${version} is not from the registry`);
  if (!license) list.push(`${name} ${version} states no licence`);
  else if (!isAllowed(license, allowed)) list.push(`${name} ${version} is under ${license}, which deny.toml does not allow`);
  return list;
}

/**
 * Whether an allowed licence can be chosen in an SPDX expression. AND binds closer than OR; `/` is an old notation of OR.
 * @param {string} expression
 * @param {Set<string>} allowed
 */
export function isAllowed(expression, allowed) {
  const words = expression.replaceAll("/", " OR ").match(/[()]|[^\s()]+/g) ?? [];
  const next = (word) => words[0] === word && words.shift() !== undefined;
  const either = () => {
    let is = both();
    while (next("OR")) is = both() || is;
    return is;
  };
  const both = () => {
    let is = one();
    while (next("AND")) is = one() && is;
    return is;
  };
  const one = () => {
    if (next("(")) {
      const is = either();
      return next(")") && is;
    }
    const licence = words.shift();
    return allowed.has(next("WITH") ? `${licence} WITH ${words.shift()}` : licence);
  };
  const is = either();
  return words.length === 0 && is;
}

function allowedLicences() {
  const list = /^allow = \[\n(.*?)^\]/ms.exec(readFileSync(join(root, "deny.toml"), "utf8"));
  const names = (list?.[1] ?? "").match(/^ *"[^"]+"/gm) ?? fail("deny.toml allows no licence");
  return new Set(names.map((name) => name.trim().slice(1, -1)));
}

async function deny() {
  if (!ask("cargo", ["deny", "--version"])) {
    return console.log("advisories: SKIPPED, cargo-deny is not installed (cargo install cargo-deny)");
  }
  const fetched = spawnSync("cargo", ["deny", "fetch", "db"], { cwd: root, stdio: "ignore", timeout: 60_000 });
  if (fetched.status === 0) return run("cargo", ["deny", "--workspace", "check"]);
  console.log("advisories: SKIPPED, cargo-deny cannot fetch its database");
  await run("cargo", ["deny", "--workspace", "check", "bans", "licenses", "sources"]);
}

function fail(message) {
  throw new Failure(message);
}

if (isMain(import.meta)) await main(checkLicences);
