// Between the reply of a server and the socket: log, latency, rate, faults, back-pressure.
import { createServer } from "node:http";
import { constants, createSecureServer } from "node:http2";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { disturbReply, disturbRequest, unlessBusy } from "./faults.mjs";
import { fileIdInPath } from "./fileid.mjs";
import { BrokenConnection } from "./reply.mjs";

const PIECE = 64 * 1024;

/** Thrown after the client has closed the connection. */
class ClientLeft extends Error {}

/**
 * An HTTP server that does not listen yet.
 * @param {string} name in the log
 * @param {(request: object) => object} answer returns the reply, or throws BrokenConnection to close the connection
 * @param {import("./index.mjs").Store} store has the log and the settings
 */
export function makeServer(name, answer, store) {
  // Idle connections stay open for a minute, so that a client does not use one that is being closed.
  return createServer({ keepAliveTimeout: 60_000, highWaterMark: PIECE }, listener(name, answer, store));
}

/** The same over HTTP/2; `certificate`: { key, cert }. */
export function makeSecureServer(name, answer, store, certificate) {
  const server = createSecureServer({ ...certificate, allowHTTP1: false }, listener(name, answer, store));
  const sessions = new Set();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", () => {}); // the client closed it: each of its streams gets the error
  });
  // A connection in its handshake has no session yet, and would keep the server from closing.
  const sockets = new Set();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.closeAllConnections = () => [...sessions, ...sockets].forEach((each) => each.destroy());
  server.retireConnections = () => sessions.forEach((session) => {
    // One that has ended stays in the set until its event arrives.
    if (session.destroyed) return;
    session.goaway();
    session.close();
  });
  return server;
}

const listener = (name, answer, store) => (incoming, response) => {
  handle(name, answer, store, incoming, response).catch((error) => {
    store.errors.push(error);
    breakOff(response);
  });
};

// Over HTTP/2 a request has no connection of its own.
function breakOff(response) {
  if (isHttp2(response)) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else response.destroy();
}

const isHttp2 = (response) => response.stream !== undefined;

async function handle(name, answer, store, incoming, response) {
  const request = readRequest(incoming);
  const record = store.open(recordOf(name, request, incoming));
  const client = watch(incoming.socket, response, record, store);
  const open = store.requests.filter(({ server, state }) => server === name && state === "open").length;
  const action = unlessBusy(store.faults.actionFor(record), open);
  try {
    await wait(latencyOf(store, record, action), client);
    if (action.refuse) return hangUp(response, record, store);
    const reply = disturbReply(answer(disturbRequest(request, action)), action);
    await send(response, request, reply, { record, client, action, store });
  } catch (error) {
    if (error instanceof BrokenConnection) return hangUp(response, record, store);
    if (!(error instanceof ClientLeft)) throw error;
  }
}

function readRequest({ method, url, headers }) {
  const [rawPath, rawQuery = ""] = splitOnce(url, "?");
  return { method, rawPath, rawQuery, path: decode(rawPath), query: new URLSearchParams(rawQuery), headers };
}

function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // no file has this name: 404
  }
}

const recordOf = (server, { method, path, query, headers }, { url, socket }) => ({
  server, method, url, path, headers, range: headers.range ?? null, at: performance.now(),
  fileId: server === "filer" ? query.get("proxyChunkId") : server === "master" ? null : fileIdInPath(path),
  connection: socket.remotePort, ended: null, status: null, bytesSent: 0, state: "open",
});

// Records that the client leaves before the end, and resolves the waits for that.
function watch(socket, response, record, store) {
  const gone = new AbortController();
  const left = () => {
    store.settle(record, "aborted");
    gone.abort();
  };
  // A response that waits for an earlier one on its connection gets no event when the connection ends.
  socket.once("close", left);
  response.on("close", () => {
    socket.off("close", left);
    left();
  });
  // Over HTTP/2, "finish" is also emitted when the client leaves.
  const whole = () => !isHttp2(response) || response.stream.rstCode === constants.NGHTTP2_NO_ERROR;
  response.on("finish", () => whole() && store.settle(record, "done"));
  return gone.signal;
}

function hangUp(response, record, store) {
  store.settle(record, "done");
  breakOff(response);
}

function latencyOf(store, record, { latency }) {
  const isChunk = record.fileId !== null && record.method !== "OPTIONS";
  return latency ?? (isChunk ? store.shape.latencyOf(record.server) : 0);
}

async function wait(ms, client) {
  if (client.aborted) throw new ClientLeft();
  if (!(ms > 0)) return;
  try {
    await sleep(ms, undefined, { signal: client });
  } catch (error) {
    if (error.name === "AbortError") throw new ClientLeft();
    throw error;
  }
}

async function send(response, request, reply, context) {
  const { record, action, store, client } = context;
  const framed = action.end === undefined && action.extra === undefined;
  const length = reply.length === undefined ? reply.body.length : reply.length;
  record.status = reply.status;
  writeHead(response, reply.status, [
    ...reply.headers,
    ["X-Amz-Request-Id", randomBytes(12).toString("hex").toUpperCase()],
    ...(framed && length !== null ? [["Content-Length", String(length)]] : []),
  ]);
  if (request.method === "HEAD" || reply.status === 304 || reply.status === 204) return response.end();
  // Sends the headers at once: a body that stalls at its first byte would hold them back.
  response.flushHeaders();
  const limit = action.cut ?? action.end ?? action.stall ?? Infinity;
  await sendBody(response, bodyOf(reply, action), limit, context);
  if (action.cut !== undefined) return hangUp(response, record, store);
  if (action.stall !== undefined) return untilLeft(client);
  response.end();
}

// Repeated headers stay separate. Over HTTP/2, pages may read the protocol, as with many proxies.
function writeHead(response, status, headers) {
  if (!isHttp2(response)) return response.writeHead(status, headers.flat());
  for (const name of new Set(headers.map(([each]) => each.toLowerCase()))) {
    const values = headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
    response.setHeader(name, values.length > 1 ? values : values[0]);
  }
  response.setHeader("timing-allow-origin", "*");
  response.writeHead(status);
}

function* bodyOf({ body }, { extra = 0 }) {
  if (Buffer.isBuffer(body)) yield body;
  else if (body) yield* body;
  yield Buffer.alloc(extra, 0xa5);
}

async function sendBody(response, pieces, limit, context) {
  const links = context.store.shape.linksOf(context.record.server);
  for (const link of links) link.join();
  try {
    let left = limit;
    for (const bytes of pieces) {
      const allowed = bytes.subarray(0, Math.min(left, bytes.length));
      await sendPieces(response, allowed, links, context);
      left -= allowed.length;
      if (left <= 0) return;
    }
  } finally {
    for (const link of links) link.leave();
  }
}

async function sendPieces(response, bytes, links, context) {
  for (let at = 0; at < bytes.length;) {
    const rate = context.action.rate ?? context.store.shape.rateOf(context.record.server);
    const piece = bytes.subarray(at, at + pieceSize(rate, links));
    for (const link of links) await link.take(piece.length);
    await write(response, piece, context.client);
    context.store.count(context.record, piece.length);
    at += piece.length;
    if (rate) await pace(piece.length, rate, context);
  }
}

const pieceSize = (rate, links) => Math.min(PIECE, rate ? Math.max(1, Math.ceil(rate / 50)) : PIECE, ...links.map(({ piece }) => piece));

// Waits until the kernel has accepted the piece before the next is generated, so a slow reader limits the store.
function write(response, piece, client) {
  return new Promise((resolve, reject) => {
    const leave = () => reject(new ClientLeft());
    if (client.aborted) return leave();
    client.addEventListener("abort", leave, { once: true });
    response.write(piece, (error) => {
      client.removeEventListener("abort", leave);
      error ? leave() : resolve();
    });
  });
}

async function pace(bytes, rate, context) {
  const now = performance.now();
  context.due = Math.max(context.due ?? now, now - 100) + (bytes * 1000) / rate;
  await wait(context.due - now, context.client);
}

const untilLeft = (client) => new Promise((resolve) => {
  if (client.aborted) return resolve();
  client.addEventListener("abort", () => resolve(), { once: true });
});
