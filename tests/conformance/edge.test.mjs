// In workerd: a worker that uses the package, and gateway/ in front of a filer.
import { fileURLToPath } from "node:url";
import { bundleWorker, startBareWorker } from "../../scripts/edge.mjs";
import { testPlace } from "./place.mjs";
import { notInGateway, gatewayReader } from "./gateway.mjs";

const packageWorker = await bundleWorker(fileURLToPath(new URL("package-worker.mjs", import.meta.url)));
const gateway = await bundleWorker();

testPlace({
  name: "workerd", skip: false,
  async start() {
    const { origin, close } = await startBareWorker(packageWorker, {});
    return { close, perform: async (task) => (await fetch(origin, { method: "POST", body: JSON.stringify(task), signal: AbortSignal.timeout(60_000) })).json() };
  },
});

testPlace({
  name: "edge gateway", skip: false,
  start: () => gatewayReader(({ filer, master, volumes }) => {
    const located = master ? { MASTER: master, ALLOWED_ORIGINS: volumes.join() } : {};
    return startBareWorker(gateway, { FILER: filer, ALLOW_PREFIXES: "/", PUBLIC: "yes", SUBREQUESTS: "1000", ...located });
  }),
  lacks: notInGateway,
});
