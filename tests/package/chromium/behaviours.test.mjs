// The behaviours of the package, in Chromium: a page for each group, from a static server.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { flags } from "../../../scripts/chromium.mjs";
import { sha256 } from "../../store/index.mjs";
import { behaviours, behavioursOfInsecurePages } from "../behaviours/index.mjs";
import { content, startControl } from "../control.mjs";
import { closeAll, launchChromium, servePackage } from "../support.mjs";
import { Pages } from "./pages.mjs";

/** A name that is not local: a page of plain http under it is no secure context, and has no crypto.subtle. */
const INSECURE = "kelp.test";

const folder = fileURLToPath(new URL("../behaviours/", import.meta.url));
const script = (path) => ({ type: "text/javascript", body: readFileSync(path) });
const routes = {
  ...Object.fromEntries(readdirSync(folder).map((name) => [`/behaviours/${name}`, script(join(folder, name))])),
  "/page.js": script(fileURLToPath(new URL("./page.js", import.meta.url))),
  "/sha256": async (request, response) => response.end(sha256(await buffer(request))),
  "/content": (request, response) => {
    const { searchParams } = new URL(request.url, origin);
    response.end(content(searchParams.get("name"), Number(searchParams.get("length"))));
  },
};

let browser, origin;
before(async () => {
  browser = await launchChromium({ args: [...flags, `--host-resolver-rules=MAP ${INSECURE} 127.0.0.1`] });
  origin = await servePackage({ routes });
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
          await pages.run(name, control);
        });
      }
    });
  }
}
