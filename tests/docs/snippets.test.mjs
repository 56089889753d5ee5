// The JavaScript in the documentation parses, and what it says of tokens is what the stand-in store, like SeaweedFS, accepts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { transform } from "esbuild";
import { ask, root } from "../../scripts/command.mjs";
import { verifyToken } from "../store/jwt.mjs";

const documents = (ask("git", ["ls-files", "*.md"]) ?? "").split("\n").filter(Boolean);

const snippetsOf = (name) => [...readFileSync(join(root, name), "utf8").matchAll(/^ *```js\n(.*?)^ *```/gms)].map(([, code]) => code);

test("every JavaScript block parses", async () => {
  const snippets = documents.flatMap((name) => snippetsOf(name).map((code) => ({ name, code })));
  assert.ok(snippets.length > 3);
  // In a function, so that `return` and `await` may stand alone; imports stay outside.
  for (const { name, code } of snippets) {
    const imports = code.match(/^import .*$/gm) ?? [];
    const body = code.replace(/^import .*$/gm, "");
    await transform(`${imports.join("\n")}\nasync () => {${body}\n}`, { loader: "js", logLevel: "silent" }).catch((error) => assert.fail(`${name}: ${error.message}`));
  }
});

test("tokens are signed as docs/seaweedfs-setup.md says", async () => {
  const code = snippetsOf("docs/seaweedfs-setup.md").find((each) => each.includes("function sign("));
  const source = `const FILER_READ_KEY = "filer key", READ_KEY = "chunk key";\n${code}\nexport { filerToken, chunkToken };`;
  const { filerToken, chunkToken } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  assert.deepEqual(verifyToken(filerToken, "filer key")?.allowed_prefixes, ["/videos"]);
  assert.equal(verifyToken(chunkToken("3,1637037d6a"), "chunk key")?.fid, "3,1637037d6a");
  assert.equal(verifyToken(filerToken, "another key"), null);
});
