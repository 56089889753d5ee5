// SHA-256 of the bytes that arrived, compared with the expected one.
import { element } from "./dom.js";

/** A line that says whether the bytes are the right ones. */
export async function digestLine(blob, expected) {
  if (blob === null) return line("unknown", "No SHA-256: the file is too large to keep in this page. Save it instead.");
  // Only in secure contexts: https, or this machine.
  if (!globalThis.crypto?.subtle) return line("unknown", "No SHA-256: crypto.subtle is missing, because this page was loaded over plain http.");
  const actual = hex(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  if (!expected) return line("unknown", "SHA-256, with nothing known to compare it with:", actual);
  if (actual === expected) return line("match", "✓ SHA-256 matches:", actual);
  return line("mismatch", "✗ SHA-256 does not match. Actual:", actual, "expected:", expected);
}

function line(outcome, ...words) {
  const made = element("p", { className: `digest ${outcome}` });
  made.dataset.digest = outcome;
  made.append(...words.flatMap((word) => [/^[0-9a-f]{64}$/.test(word) ? element("code", {}, word) : word, " "]));
  return made;
}

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
