// A service worker that serves the files of a filer below `files/`, in ranges, so that a <video> can seek.
// Import maps do not apply to workers: it imports the package by its path.
import { openFiler } from "/kelp-stream/index.js";
import { createHandler } from "/kelp-stream/service-worker.js";

const FILER = new URL(location.href).searchParams.get("filer");

const handler = createHandler({
  prefix: new URL("files/", location.href).pathname,
  open: (path) => openFiler(FILER + path),
});

addEventListener("install", () => skipWaiting());
addEventListener("fetch", (event) => handler.respond(event));
