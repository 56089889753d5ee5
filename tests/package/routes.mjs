// Routes that pages and programs need to run behaviours, for `servePackage`.
import { readdirSync, readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { sha256 } from "../store/index.mjs";
import { content } from "./control.mjs";

/** A script of the tests, by its path in this folder. */
export const script = (path) => ({ type: "text/javascript", body: readFileSync(new URL(path, import.meta.url)) });

/** All scripts of a subfolder. */
export const scripts = (folder) => Object.fromEntries(readdirSync(new URL(folder, import.meta.url)).map((name) => [`/${folder}/${name}`, script(`${folder}/${name}`)]));

/** The behaviours, and the routes of their help. */
export const routes = {
  ...scripts("behaviours"),
  "/sha256": async (request, response) => response.end(sha256(await buffer(request))),
  "/content": (request, response) => {
    const { searchParams } = new URL(request.url, "http://localhost");
    response.end(content(searchParams.get("name"), Number(searchParams.get("length"))));
  },
};
