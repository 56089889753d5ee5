// Checks values that users pass: a wrong type is a TypeError, a wrong value a RangeError. The message contains the name of the value.

import { warnOfUnknown } from "./names.js";

const wrongType = (name, wanted) => new TypeError(`${name} must be ${wanted}`);
const wrongValue = (name, wanted) => new RangeError(`${name} must be ${wanted}`);

/** An object with fields; `undefined` is an empty one. `known`: the names of options, separated by spaces. */
export function dictionary(value, name, known) {
  if (value === undefined) return {};
  if (value === null || (typeof value !== "object" && typeof value !== "function")) throw wrongType(name, "an object");
  if (known) warnOfUnknown(value, known);
  return value;
}

/** A finite number, at least `min`. */
export function number(value, name, fallback, min = 0, max = Number.MAX_VALUE) {
  if (value === undefined) return fallback;
  if (typeof value !== "number") throw wrongType(name, "a number");
  if (!(value >= min && value <= max)) throw wrongValue(name, max < Number.MAX_VALUE ? `from ${min} to ${max}` : `a number from ${min} on`);
  return value;
}

/** A safe integer, at least `min`. */
export function integer(value, name, fallback, min = 0, max = Number.MAX_SAFE_INTEGER) {
  if (value === undefined) return fallback;
  if (typeof value !== "number") throw wrongType(name, "a number");
  if (!Number.isSafeInteger(value) || value < min || value > max) throw wrongValue(name, `a safe integer from ${min} on`);
  return value;
}

/** An integer, or one word such as "auto". */
export function integerOr(word, value, name, fallback, min) {
  if (value === undefined || value === word) return word === value ? word : fallback;
  // A number as a string is of a wrong type, another word is a wrong value.
  if (typeof value === "string") throw (value.trim() === "" || isNaN(value) ? wrongValue : wrongType)(name, `a number or "${word}"`);
  return integer(value, name, fallback, min);
}

/** One of these words; the first is the default. */
export function word(value, name, words) {
  if (value === undefined) return words[0];
  if (typeof value !== "string") throw wrongType(name, "a string");
  if (!words.includes(value)) throw wrongValue(name, words.map((known) => `"${known}"`).join(", "));
  return value;
}

export function string(value, name, fallback) {
  if (value === undefined) return fallback;
  if (typeof value !== "string") throw wrongType(name, "a string");
  return value;
}

export function boolean(value, name, fallback) {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw wrongType(name, "a boolean");
  return value;
}

export function callable(value, name) {
  if (value !== undefined && typeof value !== "function") throw wrongType(name, "a function");
  return value;
}

/** An AbortSignal of any realm. */
export function abortSignal(value, name = "signal") {
  if (value === undefined) return undefined;
  if (typeof value?.addEventListener !== "function" || typeof value.aborted !== "boolean") throw wrongType(name, "an AbortSignal");
  return value;
}

/** An http or https URL without user name and password. A relative URL is resolved against the page. */
export function httpUrl(value, name = "url") {
  if (typeof value !== "string" && !(value instanceof URL)) throw wrongType(name, "a string or a URL");
  let url;
  try {
    url = new URL(value, globalThis.location?.href);
  } catch {
    throw wrongValue(name, "an absolute URL");
  }
  if (!/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw wrongValue(name, "an http or https URL without user name and password");
  }
  return url;
}

/** As {@link httpUrl}, without the fragment, which requests do not contain. */
export function requestUrl(value, name) {
  const url = httpUrl(value, name);
  url.hash = "";
  return url;
}

/** Bytes, or their base64. */
export function bytes(value, name, wanted = "a Uint8Array or a base64 string") {
  if (value === undefined) return undefined;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value !== "string") throw wrongType(name, wanted);
  try {
    return Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
  } catch {
    throw wrongValue(name, "base64");
  }
}

/** Bytes, or their hexadecimal digits. */
export function hexBytes(value, name) {
  if (typeof value !== "string") return bytes(value, name, "a Uint8Array or a string of hexadecimal digits");
  if (!/^(?:[0-9a-f]{2})*$/i.test(value)) throw wrongValue(name, "hexadecimal digits");
  return Uint8Array.from(value.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}

/** An AES-256 key, copied: the caller may wipe its own at once. */
export function aesKey(value, name) {
  if (value !== undefined && value.length !== 32) throw wrongValue(name, "32 bytes");
  return value?.slice();
}

/** The `{ start, end }` of a range, clipped to a file of `size` bytes. */
export function range(value, size) {
  const { start, end, signal } = dictionary(value, "range");
  const from = integer(start, "start", 0);
  const to = integer(end, "end", Math.max(from, size));
  if (from > to) throw wrongValue("start", "at most end");
  return { start: Math.min(from, size), end: Math.min(to, size), signal: abortSignal(signal) };
}

/** The origins of a list of URLs. */
export function originList(value) {
  if (value === undefined) return undefined;
  if (typeof value === "string" || typeof value?.[Symbol.iterator] !== "function") throw new TypeError("origins must be a list of URLs");
  return Array.from(value, (origin) => {
    const { origin: listed } = httpUrl(origin, "origins");
    // In a page, a name without a scheme would be a path of the page's own origin.
    if (!/^\s*https?:/i.test(origin)) throw wrongValue("origins", "a list of http or https URLs");
    return listed;
  });
}
