// Faults: which requests fail, and how.

/**
 * @typedef {object} Match all given fields must match; OPTIONS matches only with `method`
 * @property {string | RegExp} [server] "filer", "master", "volume0" ...
 * @property {string} [fileId] of a chunk, at a volume server or relayed by the filer
 * @property {string | RegExp} [path] a string is the decoded path; an expression matches the raw path and query
 * @property {string} [method]
 * @property {number} [nth] only the n-th matching request, from 1
 * @property {number} [times] at most this often
 * @property {(record: object) => boolean} [when]
 *
 * @typedef {object} Action any combination
 * @property {number} [latency] milliseconds before the headers, instead of those of the store
 * @property {number} [rate] bytes per second, instead of that of the store
 * @property {number} [status] respond with this status, `body` and `headers` instead
 * @property {number} [above] with `status`: only if the server has more open requests than this, itself included
 * @property {string | Buffer} [body]
 * @property {Record<string, string | string[] | null>} [headers] replaced headers; null removes one
 * @property {boolean} [refuse] destroy the socket instead of responding
 * @property {number} [cut] the full Content-Length and this many bytes, then the socket is destroyed
 * @property {number} [end] no Content-Length, this many bytes, then a clean end
 * @property {number} [stall] the full Content-Length and this many bytes, then nothing until the client leaves
 * @property {number} [extra] no Content-Length, and this many bytes of garbage after the body
 * @property {number} [corrupt] a bit is flipped at this offset of the stored bytes (of a file: of its bytes)
 * @property {boolean} [ignoreRange] respond as if the request had no range
 * @property {string} [contentRange] a wrong Content-Range
 * @property {boolean} [noCors] no CORS headers
 * @property {string} [redirect] 302 to this URL (or `status`)
 */

/** The active faults. */
export class Faults {
  #list = [];

  /** @param {Match} match @param {Action} action @returns {{hits: number, remove: () => void}} */
  add(match, action) {
    const handle = { match, action, hits: 0, seen: 0, remove: () => { this.#list = this.#list.filter((each) => each !== handle); } };
    this.#list.push(handle);
    return handle;
  }

  /** The actions of all faults that match a request; later faults override earlier ones. */
  actionFor(record) {
    return Object.assign({}, ...this.#list.filter((fault) => strikes(fault, record)).map(({ action }) => action));
  }
}

function strikes(fault, record) {
  const { match } = fault;
  if (!matches(match, record)) return false;
  fault.seen++;
  if (match.nth !== undefined && fault.seen !== match.nth) return false;
  if (match.times !== undefined && fault.hits >= match.times) return false;
  fault.hits++;
  return true;
}

function matches({ server, fileId, path, method, when }, record) {
  if (method === undefined ? record.method === "OPTIONS" : method !== record.method) return false;
  if (server !== undefined && !fits(server, record.server, record.server)) return false;
  if (fileId !== undefined && fileId !== record.fileId) return false;
  if (path !== undefined && !fits(path, record.path, record.url)) return false;
  return when === undefined || when(record);
}

const fits = (pattern, exact, searched) => (pattern instanceof RegExp ? searched.search(pattern) >= 0 : pattern === exact);

/** The action without what befalls a busy server alone, if the server has this many open requests and is not busy. */
export function unlessBusy(action, open) {
  const { above, status, headers, ...rest } = action;
  return above === undefined || open > above ? action : rest;
}

/** The request as the server sees it. */
export function disturbRequest(request, { ignoreRange, corrupt }) {
  const { range, ...rest } = request.headers;
  return {
    ...request,
    headers: ignoreRange ? rest : request.headers,
    ...(corrupt === undefined ? {} : { alter: (bytes) => flipBit(bytes, corrupt) }),
  };
}

function flipBit(bytes, offset) {
  if (offset >= bytes.length) throw new RangeError(`cannot corrupt byte ${offset} of ${bytes.length}`);
  const copy = Buffer.from(bytes);
  copy[offset] ^= 1;
  return copy;
}

/** The reply as the client sees it. */
export function disturbReply(reply, action) {
  const { status, body, headers, redirect, contentRange, noCors } = action;
  const changed = redirect === undefined && status === undefined ? reply : insteadOf(reply, action);
  const overrides = { ...headers, ...(contentRange === undefined ? {} : { "Content-Range": contentRange }) };
  return { ...changed, headers: override(changed.headers, overrides, noCors) };
}

// CORS headers stay: a failing server still sends them.
function insteadOf(reply, { status, body = "", redirect }) {
  const kept = reply.headers.filter(([name]) => /^(access-control-|server$)/i.test(name));
  return {
    status: status ?? 302, body: Buffer.from(body),
    headers: redirect === undefined ? kept : [...kept, ["Location", redirect]],
  };
}

function override(headers, overrides, noCors) {
  const replaced = new Set(Object.keys(overrides).map((name) => name.toLowerCase()));
  const kept = headers.filter(([name]) =>
    !replaced.has(name.toLowerCase()) && !(noCors && /^access-control-/i.test(name)));
  const added = Object.entries(overrides).flatMap(([name, value]) =>
    (value === null ? [] : [value].flat().map((each) => [name, each])));
  return [...kept, ...added];
}
