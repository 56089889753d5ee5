// A worker, or a service worker, that performs the tasks which a page sends.
import { performHere } from "/serve-tasks.js";

self.addEventListener("message", (event) => {
  const { data: { task }, ports: [port] } = event;
  const answered = performHere(task).then((told) => port.postMessage({ told }), (error) => port.postMessage({ error: String(error?.stack ?? error) }));
  // A service worker is kept for as long.
  event.waitUntil?.(answered);
});
