// Step `wasm-pack`: what `wasm-pack test --headless --chrome` does, and `--firefox` where there is a geckodriver.
import { delimiter } from "node:path";
import { buildCodec } from "./build.mjs";
import { run } from "./command.mjs";
import { driverEnvironments } from "./install/drivers.mjs";
import { installWasmPack, linkWasmBindgen } from "./install/wasm-pack.mjs";
import { needTests } from "./runner.mjs";

const WASM = ["--target", "wasm32-unknown-unknown"];
const STREAMS = ["--features", "readable-stream"];

/**
 * Runs all tests of the crate in each browser that has a driver. A browser without a driver is skipped, and the reason is printed.
 * @throws {Failure} if a test fails, or if a browser ran fewer than the two programs (a page and a worker) that have tests
 */
export async function wasmPack() {
  await buildCodec();
  const tool = await installWasmPack();
  if (tool.skip) console.log(`wasm-pack: SKIPPED, ${tool.skip}. The commands that it runs are run instead.`);
  const links = await linkWasmBindgen();
  for (const [browser, { env, driver, skip }] of Object.entries(driverEnvironments())) {
    if (skip) {
      console.log(`${browser}: SKIPPED, ${skip}`);
      continue;
    }
    console.log(`${browser}:`);
    const printed = await test(tool.program, browser, driver, { ...env, PATH: `${links}${delimiter}${process.env.PATH}` });
    needTests(/^test result: ok\. (\d+) passed/gm, printed, 2);
  }
}

async function test(wasmPack, browser, driver, env) {
  if (wasmPack) return run(wasmPack, ["test", "--mode", "no-install", "--headless", `--${browser}`, DRIVER_OPTIONS[browser], driver, "--", ...STREAMS], { env });
  await run("cargo", ["build", "--tests", ...WASM, ...STREAMS], { env });
  return run("cargo", ["test", ...WASM, ...STREAMS], { env: { ...env, CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER: "wasm-bindgen-test-runner", WASM_BINDGEN_TEST_ONLY_WEB: "1" } });
}

const DRIVER_OPTIONS = { chrome: "--chromedriver", firefox: "--geckodriver" };
