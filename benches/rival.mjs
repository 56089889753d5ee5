// The wasm module of rivals/crates/: built as fast as cargo can, with SIMD, as kelp-stream's own.
import { join } from "node:path";
import { SIMD } from "../scripts/build.mjs";
import { run, target } from "../scripts/command.mjs";

const WASM = "wasm32-unknown-unknown";

/** The path of the module. */
export const RIVAL = join(target, WASM, "release/kelp_stream_rival.wasm");

export async function buildRival() {
  const options = ["--package", "kelp-stream-rival", "--release", "--target", WASM];
  await run("cargo", ["build", ...options], { env: { CARGO_ENCODED_RUSTFLAGS: SIMD.join("\x1f") } });
}
