// One file for `importScripts`: a classic service worker imports no module, and the browser keeps what it imported for the next start.
export * from "./inline.js";
export { createHandler } from "../service-worker/handler.js";
