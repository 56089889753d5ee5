// The user's functions. What the wasm module holds is alive as long as the module is, and a function of the user's may refer to the file that
// it was given for. So the module gets functions that refer to the user's weakly. The file and its streams hold the user's functions.

import { settle } from "./ticket.js";

// Some versions of workerd do not have it.
const Weak = globalThis.WeakRef ?? class { constructor(it) { this.deref = () => it; } };

const NAMES = ["fetch", "locate", "token", "filerToken", "onEvent", "onProgress"];

/** Replaces the functions of the settings. Returns the user's, which must be held as long as the file is in use. */
export function weaken(settings) {
  const functions = {};
  const weak = new Weak(functions);
  for (const name of NAMES) {
    if (settings[name] === undefined) continue;
    functions[name] = settings[name];
    settings[name] = name.startsWith("on") ? listener(weak, name) : caller(weak, name);
  }
  return functions;
}

const listener = (weak, name) => (argument) => notify(weak.deref()?.[name], argument, name);

const caller = (weak, name) => (...args) => {
  const call = weak.deref()?.[name];
  if (call === undefined) throw new TypeError("the file is not in use any more");
  return call(...args);
};

/** Calls a listener. What it throws, and what a promise of it is rejected with, is logged on the console and has no other effect. */
export function notify(listener, argument, name) {
  const failed = (thrown) => console.error(`kelp-stream: ${name} threw`, thrown);
  try {
    const returned = listener?.(argument);
    // Not handled, a rejection would end a process of Node.
    if (typeof returned?.then === "function") Promise.resolve(returned).catch(failed);
  } catch (thrown) {
    failed(thrown);
  }
}

/** Calls `locate`. Reports the token and the URLs as lines. */
export function locate(ticket, call, fileId, refresh) {
  let controller;
  const abortable = () => (controller ??= new AbortController());
  // Most functions do not look at the signal.
  const options = { refresh, get signal() { return abortable().signal; } };
  return settle(ticket, () => call(fileId, options), linesOf, () => abortable().abort());
}

function linesOf(location) {
  if (Object(location) !== location) throw new TypeError("locate must return an object with urls");
  const { urls, token } = location;
  if (!Array.isArray(urls)) throw new TypeError("locate must return { urls: string[] }");
  const lines = Array.from(urls);
  if (!lines.every(isString)) throw new TypeError("the urls that locate returns must be strings");
  if (token !== undefined && !(isString(token) && token)) throw new TypeError("the token that locate returns must be a non-empty string");
  // A parser of URLs drops line breaks.
  return [token ?? "", ...lines].map((line) => line.replaceAll("\n", "")).join("\n");
}

const isString = (value) => typeof value === "string";

/** Calls `token`, or `filerToken`, which gets nothing. Reports the token. */
export function askToken(ticket, call, ...about) {
  return settle(ticket, () => call(...about.filter(isString)), (token) => {
    if (!(isString(token) && token)) throw new TypeError("a token must be a non-empty string");
    return token;
  });
}
