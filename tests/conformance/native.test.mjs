// The crate, natively: a program that its host is compiled into.
import { join } from "node:path";
import { target } from "../../scripts/command.mjs";
import { conform } from "./conform.mjs";
import { startLines } from "./lines.mjs";

conform({ name: "native", skip: false, start: () => startLines([join(target, "debug/examples/conformance")]) });
