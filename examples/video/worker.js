// A service worker that serves the files of a filer below `files/`, in ranges, so that a <video> can seek.
// Import maps do not apply to workers: it imports the package by its path.
import { openFiler } from "/kelp-stream/index.js";

const FILER = new URL(location.href).searchParams.get("filer");
const PREFIX = new URL("files/", location.href).pathname;

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url);
  if (origin === location.origin && pathname.startsWith(PREFIX)) event.respondWith(answer(event.request, `/${pathname.slice(PREFIX.length)}`));
});

async function answer(request, path) {
  try {
    const file = await open(FILER + path);
    // A document of the filer's must not run as one of yours.
    if (!/^(video|audio)\//.test(file.type)) return new Response("not a video", { status: 415 });
    return await file.response(request); // 200, 206, 304, 416 ...
  } catch (error) {
    return new Response(error.message, { status: error.code === "not_found" ? 404 : 502 });
  }
}

// A video element makes many requests for one file: its entry is fetched once. When the browser stops the worker, it is fetched anew.
const files = new Map();

function open(url) {
  if (!files.has(url)) {
    const opening = openFiler(url);
    opening.catch(() => files.delete(url)); // tried again by the next request
    files.set(url, opening);
  }
  return files.get(url);
}
