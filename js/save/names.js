// Names of files, as systems allow them.

/** The longest name in bytes of UTF-8: 255 are allowed, and browsers add to them while a file is partial, or if it exists. */
const MAX_BYTES = 200;

/** Names of devices of Windows, with any extension. */
const DEVICES = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/i;

// What Windows forbids, controls, and marks that reorder or hide text.
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\\/:*?"<>|\u0000-\u001f\u007f-\u009f]/g;
const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** The nearest name that every system allows. The extension is kept. */
export function fileName(name) {
  let allowed = name.replace(INVISIBLE, "").replace(FORBIDDEN, "_").replace(/^[\s.]+|[\s.]+$/g, "").replace(DEVICES, "$&_");
  const dot = allowed.lastIndexOf(".");
  const extension = dot > 0 && allowed.length - dot <= 16 ? allowed.slice(dot) : "";
  const stem = allowed.slice(0, allowed.length - extension.length);
  allowed = shortened(stem, MAX_BYTES - length(extension)) + extension;
  return allowed === "" ? "download" : allowed;
}

const length = (text) => new TextEncoder().encode(text).length;

// Cut between characters. A lone surrogate is not UTF-8.
function shortened(text, bytes) {
  let kept = "";
  for (const character of text.toWellFormed?.() ?? text) {
    if (length(kept) + length(character) > bytes) break;
    kept += character;
  }
  return kept;
}
