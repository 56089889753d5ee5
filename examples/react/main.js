// The page of this example.
import { createElement as h } from "react";
import { createRoot } from "react-dom/client";
import { KelpVideo } from "./kelp.js";

const url = new URLSearchParams(location.search).get("url");
createRoot(document.querySelector("#root")).render(h(KelpVideo, { url }));
