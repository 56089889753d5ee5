// Behaviours of the packed package in every place: in Node (tests/package/node), in a page (tests/package/chromium), and in other
// browsers and runtimes (tests/package/elsewhere).
import { accounts } from "./accounts.mjs";
import { args } from "./arguments.mjs";
import { cases } from "./cases.mjs";
import { consumers } from "./consumers.mjs";
import { decoders, insecure } from "./decoders.mjs";
import { entries } from "./entries.mjs";
import { faults } from "./faults.mjs";
import { files } from "./files.mjs";
import { kept } from "./kept.mjs";
import { lifecycle } from "./lifecycle.mjs";
import { lookups } from "./lookups.mjs";
import { manifests } from "./manifests.mjs";
import { odd } from "./odd.mjs";
import { problems } from "./problems.mjs";
import { remotes } from "./remotes.mjs";
import { responses } from "./responses.mjs";
import { secrets } from "./secrets.mjs";
import { sse } from "./sse.mjs";
import { Store } from "./store.mjs";
import { streaming } from "./streaming.mjs";
import { traps } from "./traps.mjs";
import { urls } from "./urls.mjs";
import { vectors } from "./vectors.mjs";
import { insecureWorkers, workers } from "./workers.mjs";

/**
 * @typedef {object} Behaviour
 * @property {string} name a sentence of at most 60 characters
 * @property {"plain" | "cipher" | "jwt" | "s3" | null} cluster the store that it needs: a captured one, or an empty one
 * @property {keyof typeof NEEDS} [needs] a feature that some platforms do not have: it is skipped there
 * @property {(kelp: object, store: Store, help: Help) => Promise<void>} run throws if the sentence is false
 *
 * @typedef {object} Help functions that differ between platforms
 * @property {(bytes: Uint8Array) => Promise<string>} sha256
 * @property {(name: string, length: number) => Promise<Uint8Array>} content as the store generates it: "noise:<seed>"
 */

/** @type {Record<string, Behaviour[]>} */
export const behaviours = {
  cases, decoders, vectors, files, args, responses, problems, entries, lookups, manifests, urls, remotes, accounts, kept, lifecycle, consumers, faults, odd,
  secrets, sse, streaming, traps, workers,
};

/** Behaviours for a page that is not a secure context. */
export const behavioursOfInsecurePages = { insecure, insecureWorkers };

const NEEDS = {
  "byte streams": () => typeof ReadableByteStreamController === "function",
  "workers": () => typeof Worker === "function" || globalThis.process?.versions.node !== undefined,
  // In Node the package starts threads instead.
  "a global Worker": () => typeof Worker === "function" && !globalThis.process,
  "readable redirects": () => typeof document !== "object",
  "a page": () => typeof document === "object",
};

/** Runs one behaviour by its name. Resolves to the reason if it was skipped. */
export async function run(name, kelp, ask, help) {
  const all = Object.values({ ...behaviours, ...behavioursOfInsecurePages }).flat();
  const found = all.filter((behaviour) => behaviour.name === name);
  if (found.length !== 1) throw new Error(`there are ${found.length} behaviours called "${name}"`);
  const [{ needs, run }] = found;
  if (needs && !NEEDS[needs]()) return `there are no ${needs} here`;
  await run(kelp, await Store.connect(ask), help);
}
