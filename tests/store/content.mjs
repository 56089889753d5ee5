// Content that is generated from a seed: tests/fixtures/README.md describes it.
import { createHash } from "node:crypto";

/** SHA-256 in hex, of bytes or text. */
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** `size` incompressible bytes: SHA-256("kelp:<seed>:0") SHA-256("kelp:<seed>:1") ... */
export function noise(seed, size) {
  const out = Buffer.alloc(size);
  for (let i = 0; i * 32 < size; i++) {
    createHash("sha256").update(`kelp:${seed}:${i}`).digest().copy(out, i * 32);
  }
  return out;
}

/** `size` bytes of compressible text. */
export function prose(seed, size) {
  const lines = [];
  for (let i = 0, length = 0; length < size; i++) {
    const line = `${seed} line ${i}: the quick brown kelp sways over the lazy otter ${sha256(String(i)).slice(0, 8)}\n`;
    lines.push(line);
    length += line.length;
  }
  return Buffer.from(lines.join("")).subarray(0, size);
}
