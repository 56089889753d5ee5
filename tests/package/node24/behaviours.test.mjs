// The behaviours of the package in Node 24.
import { runtimes } from "../../../scripts/install/runtimes.mjs";
import { describeInRuntime } from "../elsewhere/describe.mjs";

describeInRuntime("node24", runtimes().node24);
