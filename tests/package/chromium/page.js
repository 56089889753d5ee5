// In the page: what a behaviour needs of it.
import * as kelp from "/kelp-stream/index.js";
import { run } from "/behaviours/index.mjs";

/** Runs a behaviour by its name. */
export function runInPage(name) {
  return run(name, kelp, (method, ...args) => window.askStore(method, args), { sha256, content });
}

// By the server, since a page of plain http has no crypto.subtle.
async function sha256(bytes) {
  return (await fetch("/sha256", { method: "POST", body: bytes })).text();
}

async function content(name, length) {
  const response = await fetch(`/content?name=${encodeURIComponent(name)}&length=${length}`);
  return new Uint8Array(await response.arrayBuffer());
}
