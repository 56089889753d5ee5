// A worker, or a service worker, that performs the tasks of a page.
import { performHere } from "/serve-tasks.js";

self.addEventListener("message", (event) => {
  const { data: { task }, ports: [port] } = event;
  const answered = performHere(task).then((report) => port.postMessage({ report }), (error) => port.postMessage({ error: String(error?.stack ?? error) }));
  // Keeps a service worker alive until then.
  event.waitUntil?.(answered);
});
