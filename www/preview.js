// Previews what arrived: video, audio and images as such, the beginning of all other files.
import { element } from "./dom.js";

const SHOWN = { text: 1024, bytes: 128 };

let url;

/** An element that shows the file. Releases the previous one. */
export async function preview(blob, { name, type }) {
  release();
  const [kind] = type.split("/");
  if (kind === "video" || kind === "audio") return element(kind, { src: hold(blob, type), controls: true, className: "media", ariaLabel: name });
  if (kind === "image") return element("img", { src: hold(blob, type), alt: name, className: "media" });
  if (isText(type, name)) return figure("The first KiB", await blob.slice(0, SHOWN.text).text());
  return figure(`The first ${SHOWN.bytes} bytes`, hexDump(new Uint8Array(await blob.slice(0, SHOWN.bytes).arrayBuffer())));
}

/** Releases the URL of what is shown. */
export function release() {
  if (url) URL.revokeObjectURL(url);
  url = undefined;
}

// Uses the type of the entry. A browser guesses the type of a file on disk from its name.
function hold(blob, type) {
  url = URL.createObjectURL(blob.slice(0, blob.size, type));
  return url;
}

const isText = (type, name) => /^text\/|[/+](json|xml|javascript)\b/.test(type) || /\.(txt|log|md|csv|json)$/i.test(name);

function figure(caption, text) {
  // A long text scrolls, so it must be reachable with the keyboard.
  return element("figure", {}, element("figcaption", { className: "muted" }, caption), element("pre", { tabIndex: 0 }, text));
}

function hexDump(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) lines.push(hexLine(at, bytes.subarray(at, at + 16)));
  return lines.join("\n");
}

function hexLine(at, bytes) {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `${at.toString(16).padStart(4, "0")}  ${hex.padEnd(47)}  ${String.fromCharCode(...bytes).replace(/[^\x20-\x7e]/g, ".")}`;
}
