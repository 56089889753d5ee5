// The behaviours of the package in Chromium: one page per group, from a static server.
import { after, before, describe, test } from "node:test";
import { flags } from "../../../scripts/install/chromium.mjs";
import { behaviours, behavioursOfInsecurePages } from "../behaviours/index.mjs";
import { startControl } from "../control.mjs";
import { routes, script } from "../routes.mjs";
import { closeAll, launchChromium, servePackage } from "../support.mjs";
import { Pages } from "./pages.mjs";

/** A host name that is not local: a page of plain http there is not a secure context, so it has no crypto.subtle. */
const INSECURE = "kelp.test";

let browser, origin;
before(async () => {
  browser = await launchChromium({ args: [...flags, `--host-resolver-rules=MAP ${INSECURE} 127.0.0.1`] });
  origin = await servePackage({ routes: { ...routes, "/page.js": script("chromium/page.js") } });
});
after(closeAll);

describeAll(behaviours, () => origin);
describeAll(behavioursOfInsecurePages, () => origin.replace("127.0.0.1", INSECURE));

function describeAll(groups, where) {
  for (const [group, list] of Object.entries(groups)) {
    describe(group, () => {
      const pages = new Pages(() => browser.newPage(), where);
      after(() => pages.close());
      for (const { name, cluster } of list) {
        test(name, { timeout: 240_000 }, async (t) => {
          const control = await startControl(cluster);
          t.after(() => control.close());
          const skipped = await pages.run(name, control);
          if (skipped) t.skip(skipped);
        });
      }
    });
  }
}
