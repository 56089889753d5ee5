// The behaviours of the package in Firefox.
import { browsers } from "../../../scripts/install/browsers.mjs";
import { describeInBrowser } from "../elsewhere/describe.mjs";

describeInBrowser("firefox", browsers().firefox);
