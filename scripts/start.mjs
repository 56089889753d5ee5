// `npm start`: the demo page and the pages of examples/, with a store to read from. `npm start -- --filer http://host:8888` reads a real one.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, sep } from "node:path";
import { build } from "./build.mjs";
import { Failure, isMain, main, root } from "./command.mjs";
import { StandIn } from "./standin.mjs";
import { needNode } from "./install/toolchain.mjs";

const HOST = "127.0.0.1";
const PORTS = { first: 8080, last: 8099 };
const USAGE = `Usage: npm start                                         the demo, with a store of recorded files
       npm start -- --filer http://host:8888[/directory]   the demo, with your own filer
       PORT=8081 npm start                                 at another port`;

/**
 * Serves the demo page and, unless a filer is given, starts the stores that it reads from.
 * @param {object} [options]
 * @param {number} [options.port] 0 for any; without one, the first that is free from 8080
 * @param {string | URL} [options.filer] a directory of a real filer
 * @returns {Promise<{ origin: string, stores: Record<string, import("../tests/store/index.mjs").Store>, standIn: StandIn | null, close(): Promise<void> }>}
 */
export async function start({ port, filer } = {}) {
  if (!existsSync(join(root, "dist/index.js"))) throw new Failure("there is no dist/index.js: npm run build");
  const control = filer ? realFiler(new URL(filer)) : await StandIn.start();
  const server = createServer((request, response) => {
    answer(request, response, control).catch((error) => send(response, 500, { type: TYPES[".txt"], body: error.message }));
  });
  const close = async () => {
    await new Promise((closed) => server.close(closed).closeAllConnections());
    await control.close();
  };
  try {
    await listen(server, port);
  } catch (error) {
    await close();
    throw error;
  }
  return { origin: `http://${HOST}:${server.address().port}`, stores: control.stores, standIn: filer ? null : control, close };
}

async function listen(server, port) {
  if (port !== undefined) return listenAt(server, port);
  for (let each = PORTS.first; each <= PORTS.last; each++) {
    try {
      return await listenAt(server, each);
    } catch (error) {
      if (error.code !== "EADDRINUSE") throw error;
    }
  }
  throw new Failure(`the ports from ${PORTS.first} to ${PORTS.last} are in use. Choose another: PORT=9000 npm start`);
}

const listenAt = (server, port) => new Promise((listening, fail) => {
  server.once("error", fail);
  server.listen(port, HOST, () => {
    server.off("error", fail);
    listening();
  });
});

// The API of the page: `describe`, and with a StandIn what changes its stores.

function realFiler({ origin, host, pathname }) {
  const directory = decodeURIComponent(pathname).replace(/(?<=.)\/+$/, "");
  const store = { name: host, filer: origin, directory, canLookup: false, start: null, files: [], replicas: [] };
  return { stores: {}, describe: () => ({ stores: [store], settings: null }), close: () => {} };
}

async function answer(request, response, control) {
  const { pathname, searchParams } = new URL(request.url, `http://${HOST}`);
  if (pathname === "/api/store" && request.method === "GET") return sendJson(response, 200, control.describe());
  if (pathname === "/api/store") return answerChange(request, response, control.set?.bind(control));
  if (pathname === "/api/replica") return answerChange(request, response, control.setReplica?.bind(control));
  if (pathname === "/api/lookup" && control.lookup) return answerLookup(searchParams, response, control);
  if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405);
  const file = fileAt(pathname);
  return file ? send(response, 200, { type: TYPES[extname(file)], body: readFileSync(file) }) : send(response, 404);
}

async function answerChange(request, response, change) {
  if (request.method !== "POST" || !change) return send(response, 405);
  if (!isOwn(request)) return send(response, 403);
  if (!/^application\/json\b/.test(request.headers["content-type"])) return send(response, 415);
  try {
    return sendJson(response, 200, await change(JSON.parse(await bodyOf(request))));
  } catch (error) {
    return sendJson(response, 400, { error: error.message });
  }
}

// Only the page may change anything: with each POST a browser sends the origin of its page. `Host` is not compared, because a foreign
// page can have any name resolved to this machine.
function isOwn({ headers, socket }) {
  const names = [HOST, "localhost"].map((name) => `http://${name}:${socket.localPort}`);
  return names.includes(headers.origin) && ["same-origin", undefined].includes(headers["sec-fetch-site"]);
}

async function answerLookup(query, response, control) {
  const found = await control.lookup(query.get("store"), query.get("volumeId"));
  return found ? sendJson(response, found.status, await found.json()) : send(response, 404);
}

async function bodyOf(request) {
  let text = "";
  for await (const bytes of request) text += bytes;
  return text;
}

const FOLDERS = [["/kelp-stream/", join(root, "dist")], ["/examples/", join(root, "examples")], ["/", join(root, "www")]];

function fileAt(pathname) {
  const [prefix, folder] = FOLDERS.find(([each]) => pathname.startsWith(each));
  const path = join(folder, decoded(pathname.slice(prefix.length)).replace(/(^|\/)$/, "$1index.html"));
  return path.startsWith(folder + sep) && existsSync(path) && statSync(path).isFile() ? path : null;
}

// A path that cannot be decoded names no file, so it is a 404.
function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function send(response, status, { type, body = "" } = {}) {
  // Not cached, so that the next build is used at once.
  response.writeHead(status, { "cache-control": "no-store", "x-content-type-options": "nosniff", ...(type ? { "content-type": type } : {}) });
  response.end(body);
}

const sendJson = (response, status, value) => send(response, status, { type: TYPES[".json"], body: JSON.stringify(value) });

const TYPES = {
  ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
  ".json": "application/json", ".map": "application/json", ".wasm": "application/wasm", ".txt": "text/plain; charset=utf-8",
};

async function startFromCommandLine() {
  needNode();
  const filer = filerFrom(process.argv.slice(2));
  const port = portFrom(process.env.PORT);
  if (filer) await needFiler(filer);
  if (isStale()) await build();
  const demo = await start({ port, filer }).catch((error) => {
    throw error.code === "EADDRINUSE" ? new Failure(`port ${port} is in use. Choose another: PORT=${port + 1} npm start`) : error;
  });
  console.log(`Open ${demo.origin}/ and choose ${filer ? "a file" : "film.webm"}`);
  if (!filer) console.log(howToRead(demo));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => demo.close().then(() => process.exit(0)));
}

// What the examples and the command line need.
function howToRead({ origin, stores: { cipher } }) {
  const film = `${cipher.filer}/d/film.webm`;
  return `
The store it reads from has recorded files of a SeaweedFS:

  filer     ${cipher.filer}
  master    ${cipher.master}
  a file    ${film}
  examples  ${origin}/examples/page/?url=${encodeURIComponent(film)}

  cargo run --release -p kelp-cli -- cat ${film} -o film.webm

Ctrl-C stops it.`;
}

function filerFrom(args) {
  if (args.length === 0) return undefined;
  const [name, value] = args.length === 1 ? args[0].split(/=(.*)/s) : args;
  if (args.length > 2 || name !== "--filer") throw new Failure(`not understood: ${args.join(" ")}\n${USAGE}`);
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) throw new Failure(`--filer takes the URL of a filer, not ${value || "nothing"}\n${USAGE}`);
  return new URL(value);
}

function portFrom(text) {
  if (!text) return undefined;
  if (!/^\d+$/.test(text) || Number(text) > 65535) throw new Failure(`PORT is a number up to 65535, not ${text}\n${USAGE}`);
  return Number(text);
}

async function needFiler(url) {
  try {
    const listing = await fetch(url, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(5000) });
    const { Path } = listing.ok ? await listing.json() : {};
    if (Path === undefined) throw new Error(`status ${listing.status} without a list of files`);
  } catch (error) {
    throw new Failure(`${url} does not answer as a directory of a filer: ${error.cause?.message ?? error.message}`);
  }
}

// Whether a source is newer than the last file of the build.
function isStale() {
  const built = join(root, "dist/kelp_stream_bg.wasm");
  if (!existsSync(built)) return true;
  const sources = ["src", "codec/src", "codec/module/src", "js"].flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)));
  return ["Cargo.toml", "Cargo.lock", ...sources].some((name) => statSync(join(root, name)).mtimeMs > statSync(built).mtimeMs);
}

if (isMain(import.meta)) await main(startFromCommandLine);
