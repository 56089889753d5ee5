// The page: requests tasks from its server, and performs them in the place that its URL names.
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

// Each report comes through its own port, which works with both kinds of workers.
function asked(post, task) {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data: { report, error } }) => (error ? reject(new Error(error)) : resolve(report));
    post({ task }, [port2]);
  });
}

const report = async (testCase) => (await fetch("/report", { method: "POST", body: JSON.stringify(testCase) })).json();

try {
  const perform = await PLACES[new URLSearchParams(location.search).get("place")]();
  // Each response is the next task. The first request has no report.
  for (let next = await report({}); ; next = await report({ id: next.id, report: await perform(next.task) })) document.title = `task ${next.id}`;
} catch (error) {
  await report({ error: String(error?.stack ?? error) });
}
