#!/usr/bin/env node
// Signs URLs for the gateway, as a function and as a command. It needs nothing but Node.
//
//   URL_KEYS=2026a:<secret> node sign.mjs https://files.example.com/videos/film.webm --seconds 3600 --download film.webm
import { createHmac } from "node:crypto";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/**
 * A URL that the gateway accepts until it expires.
 * @param {string | URL} url of the file, as the client will request it
 * @param {object} options
 * @param {string} options.keys the secret URL_KEYS of the gateway: `<id>:<secret>` pairs
 * @param {string} [options.key] the id of the key; default: the first
 * @param {number} [options.seconds] how long it is valid
 * @param {"GET" | "HEAD"} [options.method] GET allows HEAD too
 * @param {string | null} [options.download] the name under which the file is saved; empty: its own; null: it is shown
 * @param {number} [options.issued] seconds since 1970
 */
export function signedUrl(url, { keys, key, seconds = 3600, method = "GET", download = null, issued = Math.floor(Date.now() / 1000) }) {
  const secrets = new Map(keys.split(/[\s,]+/).filter((pair) => pair !== "").map((pair) => [pair.slice(0, pair.indexOf(":")), pair.slice(pair.indexOf(":") + 1)]));
  const id = key ?? secrets.keys().next().value;
  const secret = secrets.get(id);
  if (secret === undefined) throw new Error(`there is no key ${id}`);
  const { origin, host, pathname } = new URL(url);
  // Each name as the gateway encodes it.
  const path = pathname.split("/").map((name) => encodeURIComponent(decodeURIComponent(name))).join("/");
  const expires = issued + seconds;
  const text = ["kelp-url-1", id, method, host, path, issued, expires, download === null ? "" : `download=${download}`].join("\n");
  const signature = createHmac("sha256", secret).update(text).digest("base64url");
  const query = new URLSearchParams({ key: id, issued, expires, ...(download === null ? {} : { download }), signature });
  return `${origin}${path}?${query}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const text = { type: "string" };
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { key: text, seconds: { ...text, default: "3600" }, method: text, download: text } });
  if (positionals.length !== 1 || !process.env.URL_KEYS) {
    console.error("usage: URL_KEYS=<id>:<secret> node sign.mjs <url> [--key <id>] [--seconds <number>] [--method GET|HEAD] [--download <name>]");
    process.exit(2);
  }
  console.log(signedUrl(positionals[0], { ...values, seconds: Number(values.seconds), keys: process.env.URL_KEYS }));
}
