// The browsers of the tests can be started, and end without leaving anything.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browsers, openBrowser } from "../../scripts/install/browsers.mjs";

const AGENTS = { chromium: /Chrome\//, firefox: /Firefox\//, webkit: /AppleWebKit\/(?!.*Chrome)/ };
const PAGE = "<!doctype html><link rel=icon href=data:,><script>fetch('/agent', { method: 'POST', body: navigator.userAgent })</script>";

// All profiles are in this folder, and the processes of browsers have it as working directory.
const home = mkdtempSync(join(tmpdir(), "kelp-browsers-"));
process.env.TMPDIR = home;

const agents = new EventEmitter();
let server, url;
before(async () => {
  server = createServer(async (request, response) => {
    const body = (await request.setEncoding("utf8").toArray()).join("");
    response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    if (request.method === "POST") agents.emit("agent", body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${server.address().port}/`;
});
after(() => {
  server.close().closeAllConnections();
  rmSync(home, { recursive: true, force: true });
});

for (const [kind, { skip = false }] of Object.entries(browsers())) {
  test(`${kind} opens a page, and leaves nothing behind`, { skip, timeout: 60_000 }, async () => {
    const report = agent();
    const browser = await openBrowser(kind, url);
    try {
      assert.match(await report, AGENTS[kind]);
      if (process.platform === "linux") assert.ok(processes().length > 0);
    } finally {
      await browser.close();
    }
    assert.deepEqual(readdirSync(home), []);
    await allEnd();
  });

  for (const [how, end] of Object.entries({ "comes to its end": (child) => child.stdin.end(), "is killed": (child) => child.kill("SIGKILL") })) {
    // Without setpriv a browser does not notice that the process that started it was killed.
    const lacks = process.platform !== "linux" && how === "is killed" && "the kernel ends a child with its parent on Linux alone";
    test(`${kind} ends if the process that opened it ${how}`, { skip: skip || lacks, timeout: 60_000 }, async (t) => {
      const report = agent();
      const child = spawn(process.execPath, ["--input-type=module", "--eval", OPENS_AND_WAITS, kind, url], { stdio: ["pipe", "ignore", "inherit"] });
      t.after(() => child.kill("SIGKILL"));
      assert.match(await report, AGENTS[kind]);
      end(child);
      await once(child, "exit");
      await allEnd();
      // After a kill no process removes the folder.
      if (how === "is killed") for (const name of readdirSync(home)) rmSync(join(home, name), { recursive: true });
      assert.deepEqual(readdirSync(home), []);
    });
  }
}

const OPENS_AND_WAITS = `
  const { openBrowser } = await import(${JSON.stringify(new URL("../../scripts/install/browsers.mjs", import.meta.url).href)});
  await openBrowser(process.argv[1], process.argv[2]);
  process.stdin.resume().once("end", () => process.exit());
`;

// The next report of a page.
const agent = async () => (await once(agents, "agent"))[0];

// The timeout of the test limits this wait.
async function allEnd() {
  while (processes().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

function processes() {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && cwd(name)?.startsWith(home));
}

function cwd(pid) {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null; // of another user, or it has ended
  }
}
