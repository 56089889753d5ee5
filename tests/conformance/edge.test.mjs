// In workerd: the package in a worker, and gateway/ in front of a filer.
import { fileURLToPath } from "node:url";
import { bundleWorker, startBareWorker } from "../../scripts/edge.mjs";
import { conform } from "./conform.mjs";
import { gatewayLacks, gatewayReader } from "./gateway.mjs";

/** Where the gateway is meant to differ. */
const OWN = { "what is stored with a file is said": "the gateway says how long an answer may be kept" };

const packageWorker = await bundleWorker(fileURLToPath(new URL("package-worker.mjs", import.meta.url)));
const gateway = await bundleWorker();

conform({
  name: "workerd", skip: false,
  async start() {
    const { origin, close } = await startBareWorker(packageWorker, {});
    return { close, perform: async (task) => (await fetch(origin, { method: "POST", body: JSON.stringify(task), signal: AbortSignal.timeout(60_000) })).json() };
  },
});

conform({
  name: "edge gateway", skip: false,
  start: () => gatewayReader(({ filer, master, volumes }) => {
    const located = master ? { MASTER: master, ALLOWED_ORIGINS: volumes.join() } : {};
    return startBareWorker(gateway, { FILER: filer, ALLOW_PREFIXES: "/", PUBLIC: "yes", SUBREQUESTS: "1000", ...located });
  }),
  lacks: (about) => OWN[about.name] ?? gatewayLacks(about),
});
