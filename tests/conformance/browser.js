// In a page: takes tasks from the server that it came from, and performs them in the place that its URL names.
import { performHere } from "/serve-tasks.js";

const PLACES = {
  page: async () => performHere,
  async worker() {
    const worker = new Worker("/worker.js", { type: "module" });
    return (task) => asked((message, ports) => worker.postMessage(message, ports), task);
  },
  async "service worker"() {
    await navigator.serviceWorker.register("/worker.js", { type: "module" });
    const { active } = await navigator.serviceWorker.ready;
    return (task) => asked((message, ports) => active.postMessage(message, ports), task);
  },
};

// An answer comes by a port of its own, which both kinds of workers have.
function asked(post, task) {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data: { told, error } }) => (error ? reject(new Error(error)) : resolve(told));
    post({ task }, [port2]);
  });
}

const told = async (about) => (await fetch("/told", { method: "POST", body: JSON.stringify(about) })).json();

try {
  const perform = await PLACES[new URLSearchParams(location.search).get("place")]();
  // Each answer is the next task; the first one is for nothing.
  for (let next = await told({}); ; next = await told({ id: next.id, told: await perform(next.task) })) document.title = `task ${next.id}`;
} catch (error) {
  await told({ error: String(error?.stack ?? error) });
}
