// The native host, in the program of native.rs.
import { join } from "node:path";
import { target } from "../../scripts/command.mjs";
import { testPlace } from "./place.mjs";
import { startLines } from "./lines.mjs";

testPlace({ name: "native", skip: false, start: () => startLines([join(target, "debug/examples/conformance")]) });
