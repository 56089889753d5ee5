// Assertions of behaviours, for Node and pages.

/** The error of a failed assertion. */
class Broken extends Error {}

export function ok(value, message = "it is not so") {
  if (!value) throw new Broken(message);
}

/** Asserts that two values are the same primitive, or the same object. */
export function equal(actual, expected, message = "") {
  ok(Object.is(actual, expected), `${message}: ${show(actual)}, expected ${show(expected)}`);
}

/** Asserts that two objects, arrays or primitives have the same content. The order of keys does not count. */
export function same(actual, expected, message = "") {
  equal(show(sorted(actual)), show(sorted(expected)), message);
}

/** Asserts that two byte arrays have the same bytes. */
export function sameBytes(actual, expected, message = "bytes") {
  equal(actual.length, expected.length, `length of ${message}`);
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  ok(at < 0, `${message} differ at ${at}`);
}

/** Asserts that a function throws synchronously. Returns the error. */
export function throws(type, call, message = String(call)) {
  let result;
  try {
    result = call();
  } catch (error) {
    return isA(error, type, message);
  }
  if (result instanceof Promise) result.catch(() => {});
  throw new Broken(`${message}: nothing was thrown, expected ${type.name}`);
}

/** Asserts that an async call rejects and does not throw. Resolves to the reason. */
export async function rejects(type, call, message = String(call)) {
  const promise = called(call, message);
  const error = await promise.then((value) => { throw new Broken(`${message}: it resolved to ${show(value)}, expected ${type.name}`); }, (reason) => reason);
  return isA(error, type, message);
}

/** Asserts that an async call rejects with this reason. */
export async function rejectsWith(reason, call, message = String(call)) {
  const got = await called(call, message).then(() => { throw new Broken(`${message}: it resolved`); }, (error) => error);
  ok(got === reason, `${message}: rejected with ${show(got)}, which is not the reason given`);
}

/** Asserts that an async call rejects with a KelpError of this code. Resolves to the error. */
export async function fails({ KelpError }, code, call, message = String(call)) {
  const error = await rejects(KelpError, call, message);
  equal(error.code, code, `${message}: "${error.message}"`);
  return error;
}

function called(call, message) {
  if (call instanceof Promise) return call;
  try {
    return Promise.resolve(call());
  } catch (error) {
    throw new Broken(`${message}: it threw ${show(error)} in place of a rejection`);
  }
}

function isA(error, type, message) {
  if (error instanceof Broken) throw error;
  ok(error instanceof type, `${message}: ${show(error)}, expected ${type.name}`);
  return error;
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

function show(value) {
  if (ArrayBuffer.isView(value)) return `${value.length} bytes`;
  if (value instanceof Error) return `${value.name} ${value.code ?? ""} "${value.message}"`;
  return JSON.stringify(value, (_, item) => (typeof item === "bigint" || item === undefined ? String(item) : item));
}
