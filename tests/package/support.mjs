// The installed package, a static server, and a browser, for the tests of the package.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, normalize, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { browser, flags } from "../../scripts/install/chromium.mjs";
import { Failure, manifest, target } from "../../scripts/command.mjs";

/** The folder in which `npm test -- pack` installs the package, as in a user's project. */
export const consumer = join(target, "pack/consumer");

/** The installed package. */
export const installed = join(consumer, "node_modules/kelp-stream");

// Without it, Node would resolve the name of the package to the repository.
if (!existsSync(installed)) throw new Failure("the package is not installed: run npm test -- pack");

/** Imports the package as `import("kelp-stream")` does in the folder of the consumer. */
export function importPackage() {
  const { resolve } = createRequire(join(consumer, "index.js"));
  return import(pathToFileURL(resolve(manifest.name)));
}

/** Runs the text of a module with this Node in the folder of the consumer; resolves to its output. */
export async function runInConsumer(source) {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", source], { cwd: consumer });
  return stdout.trim();
}

/** Starts a browser; `closeAll` closes it. */
export async function launchChromium(options = {}) {
  const executablePath = browser();
  if (!executablePath) throw new Failure("Chromium is not installed: run npm run setup");
  return keep(await chromium.launch({ executablePath, args: flags, ...options }));
}

/**
 * Starts a server with the package at /kelp-stream/, an empty page at /, and `routes`. Their keys are paths; their values are
 * `(request, response) => void`, a string of HTML, or `{ type, body }`. `headers` are sent with every response. Resolves to the
 * origin; `closeAll` closes the server.
 */
export async function servePackage({ routes = {}, headers = {} } = {}) {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    answer(request, response, { "/": EMPTY_PAGE, ...routes }).catch(() => response.writeHead(404).end());
  });
  // Bun sends a request on a connection that the server closes at that moment, and reports a POST as failed.
  server.keepAliveTimeout = 0;
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  keep({ close: () => new Promise((closed) => server.close(closed).closeAllConnections()) });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Closes the browsers and servers of this module, the last one first. */
export async function closeAll() {
  while (open.length > 0) await open.pop().close();
}

async function answer(request, response, routes) {
  const { pathname } = new URL(request.url, "http://localhost");
  const route = routes[pathname];
  if (typeof route === "function") return route(request, response);
  const { type, body } = typeof route === "string" ? { type: TYPES[".html"], body: route } : (route ?? (await packageFile(pathname)));
  response.writeHead(200, { "content-type": type }).end(body);
}

async function packageFile(pathname) {
  const path = normalize(join(installed, "dist", pathname.replace(/^\/kelp-stream\//, "")));
  if (!pathname.startsWith("/kelp-stream/") || !path.startsWith(installed + sep)) throw new Failure(`nothing is served at ${pathname}`);
  return { type: TYPES[extname(path)] ?? "application/octet-stream", body: await readFile(path) };
}

function keep(closable) {
  open.push(closable);
  return closable;
}

const open = [];
const EMPTY_PAGE = "<!doctype html><meta charset=utf-8><title>kelp-stream</title><link rel=icon href=data:,>";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".json": "application/json", ".map": "application/json", ".wasm": "application/wasm" };
