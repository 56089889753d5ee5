// The behaviours of the package in Bun.
import { runtimes } from "../../../scripts/install/runtimes.mjs";
import { describeInRuntime } from "../elsewhere/describe.mjs";

describeInRuntime("bun", runtimes().bun);
