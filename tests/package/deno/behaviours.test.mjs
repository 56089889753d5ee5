// The behaviours of the package in Deno.
import { runtimes } from "../../../scripts/install/runtimes.mjs";
import { describeInRuntime } from "../elsewhere/describe.mjs";

describeInRuntime("deno", runtimes().deno, ["run", "--allow-all", "--no-lock", "--node-modules-dir=manual"]);
