// The behaviours of the package in Node.
import { describe, test } from "node:test";
import { behaviours, run } from "../behaviours/index.mjs";
import { content, startControl } from "../control.mjs";
import { importPackage } from "../support.mjs";
import { sha256 } from "../../store/index.mjs";

const kelp = await importPackage();

const help = {
  sha256: async (bytes) => sha256(bytes),
  content: async (name, length) => content(name, length),
};

for (const [group, list] of Object.entries(behaviours)) {
  describe(group, () => {
    for (const { name, cluster } of list) {
      test(name, { timeout: 120_000 }, async (t) => {
        const control = await startControl(cluster);
        t.after(() => control.close());
        const skipped = await run(name, kelp, async (method, ...args) => structuredClone(await control[method](...structuredClone(args))), help);
        if (skipped) t.skip(skipped);
      });
    }
  });
}
