// Every relative link in a Markdown file leads to a file of the repository, and every anchor to a heading.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { ask, root } from "../../scripts/command.mjs";

const listed = (ask("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]) ?? "").split("\n").filter(Boolean);
const documents = listed.filter((name) => existsSync(join(root, name)));

const read = (name) => readFileSync(join(root, name), "utf8").replace(/^ *```.*?^ *```/gms, "");

/** The targets of links and images. */
const linksOf = (text) => [...text.replace(/`[^`\n]*`/g, "code").matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target);

/** The anchors of a document, as GitHub makes them. */
function anchorsOf(name) {
  const headings = [...read(name).matchAll(/^#+ +(.+)$/gm)].map(([, heading]) => heading);
  return headings.map((heading) => heading.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-"));
}

function fault(document, link) {
  if (/^[a-z]+:/i.test(link)) return null;
  const [path, anchor] = link.split("#");
  const target = path ? normalize(join(dirname(document), decodeURIComponent(path))) : document;
  if (!existsSync(join(root, target))) return `${document}: ${link} does not exist`;
  if (anchor && target.endsWith(".md") && !anchorsOf(target).includes(anchor)) return `${document}: ${link} has no such heading`;
  return null;
}

test("there are documents with links", () => {
  assert.ok(documents.includes("README.md") && linksOf(read("README.md")).length > 10);
});

test("every relative link leads to a file and a heading", () => {
  const faults = documents.flatMap((document) => linksOf(read(document)).map((link) => fault(document, link)));
  assert.deepEqual(faults.filter(Boolean), []);
});

test("a dead link is found", () => {
  assert.match(fault("README.md", "docs/missing.md"), /does not exist/);
  assert.match(fault("README.md", "docs/errors.md#no-such-heading"), /no such heading/);
  assert.equal(fault("README.md", "docs/errors.md#codes"), null);
});
