// The behaviours of the package in WebKitGTK.
import { browsers } from "../../../scripts/install/browsers.mjs";
import { describeInBrowser } from "../elsewhere/describe.mjs";

describeInBrowser("webkit", browsers().webkit);
