// Responses to requests below a path of the site's own origin, from within the site's own service worker.
import { callable, dictionary, integer } from "../check.js";
import { KelpError } from "../error.js";
import { problem } from "../problem.js";
import { storedEncoding, unpacked, watched } from "./body.js";
import { OpenFiles } from "./files.js";
import { Reports } from "./reports.js";

const METHODS = ["GET", "HEAD"];
const PROBLEM = "application/problem+json";

/**
 * Elements take a body that fails as they take a status. For them the response does not wait for the first piece, since Chromium reports
 * that an element has gone away only through the body.
 */
const ELEMENTS = ["audio", "video", "track", "image", "font"];

/** After these, the next request opens the file anew: it may have been replaced, or its token may have expired. */
const STALE = [403, 404, 502];

/** Makes a handler of requests; service-worker.d.ts explains it. */
export function createHandler(options) {
  const { prefix, open, maxOpen } = dictionary(options, "options", "prefix open maxOpen");
  if (open === undefined) throw new TypeError("open must be a function");
  return new Handler(checkPrefix(prefix), callable(open, "open"), integer(maxOpen, "maxOpen", 16, 0));
}

function checkPrefix(prefix) {
  if (typeof prefix !== "string") throw new TypeError("prefix must be a string");
  if (!/^\/(.*\/)?$/.test(prefix) || new URL(`http://localhost${prefix}`).pathname !== prefix) {
    throw new RangeError('prefix must be a path that begins and ends with "/"');
  }
  return prefix;
}

class Handler {
  #prefix;
  #open;
  #files;
  #reports = new Reports();
  #isClosed = false;

  constructor(prefix, open, maxOpen) {
    this.#prefix = prefix;
    this.#open = open;
    this.#files = new OpenFiles(maxOpen);
  }

  handles({ url }) {
    const { origin, pathname } = new URL(url);
    const home = globalThis.location?.origin ?? origin;
    return !this.#isClosed && origin === home && pathname.startsWith(this.#prefix);
  }

  respond(event) {
    if (!this.handles(event.request)) return false;
    // Otherwise some browsers stop the worker before the body is sent.
    let end;
    event.waitUntil(new Promise((resolve) => (end = resolve)));
    event.respondWith(this.#fetch(event.request, event.clientId, end));
    return true;
  }

  async fetch(request, clientId = "") {
    if (!this.handles(request)) throw new TypeError("the handler does not handle this request");
    return this.#fetch(request, clientId, () => {});
  }

  close() {
    this.#isClosed = true;
    this.#files.close();
    this.#reports.close();
  }

  /** `end` is called once when nothing is left to do for the request. */
  async #fetch(request, clientId, end) {
    const url = new URL(request.url);
    const path = `/${url.pathname.slice(this.#prefix.length)}`;
    const report = this.#reports.begin(path, clientId, url.searchParams.get("download-id"));
    const over = (error) => {
      report.end(error);
      end();
    };
    try {
      if (!METHODS.includes(request.method)) return finished(new Response(null, { status: 405, headers: { Allow: METHODS.join(", ") } }), over);
      return await this.#respond(path, { request, clientId, url }, report, over);
    } catch (error) {
      over(request.signal?.aborted ? undefined : error);
      throw error;
    }
  }

  async #respond(path, context, report, over) {
    const { request, url } = context;
    const { key, options } = split(url);
    for (;;) {
      const file = this.#files.take(key, () => this.#open(path, context));
      let response;
      try {
        response = await responseOf(await file.opening, request, options);
      } catch (error) {
        file.drop();
        file.done();
        if (request.signal?.aborted) throw error;
        // The file was closed, or opened with the signal of a request that is over.
        if (!file.isNew) continue;
        return finished(failure(error), over, error);
      }
      if (STALE.includes(response.status)) file.drop();
      if (!response.body || response.headers.get("content-type") === PROBLEM) {
        file.done();
        return await finishedWith(response, over);
      }
      const { stream, stop } = watched(response.body, report.seen, (error) => {
        const failure = request.signal?.aborted ? undefined : error;
        if (failure !== undefined) file.drop();
        file.done();
        over(failure);
      });
      report.start(response.headers.get("content-length"), stop);
      return new Response(stream, { status: response.status, headers: response.headers });
    }
  }
}

/** The key of a URL's file, and the options of its response. The parameters `download` and `download-id` name no other file. */
function split(url) {
  const { pathname, searchParams } = new URL(url);
  const name = searchParams.get("download");
  searchParams.delete("download");
  searchParams.delete("download-id");
  const options = name === null ? undefined : { disposition: "attachment", name: name === "" ? undefined : name };
  return { key: `${pathname}?${searchParams}`, options };
}

async function responseOf(file, request, options) {
  const waits = !ELEMENTS.includes(request.destination);
  const response = await file.response(request, options, waits);
  const isPartial = response.status === 206 || response.status === 416;
  // A 416 does not say how the file is encoded.
  const format = storedEncoding(response.status === 416 ? await file.response(withoutRange(request, "HEAD"), options) : response);
  if (format === undefined) return response;
  if (format === null || isPartial) await response.body?.cancel();
  if (format === null) throw new KelpError("unsupported", "the file is stored with a Content-Encoding that a service worker cannot remove");
  return unpacked(isPartial ? await file.response(withoutRange(request), options, waits) : response, format);
}

// A range would be of the encoded bytes. A request of a navigation cannot be copied.
function withoutRange({ method, headers, signal, url }, as = method) {
  const rest = new Headers(headers);
  for (const name of ["range", "if-range"]) rest.delete(name);
  return new Request(url, { method: as, headers: rest, signal });
}

/** The response for an error of `open` or of the file. */
function failure(error) {
  if (error?.name === "KelpError" && error.code !== "closed") return problem(error);
  console.error("kelp-stream: the file cannot be opened", error);
  return problem(new KelpError("internal", "the file cannot be opened"));
}

function finished(response, over, error) {
  over(error);
  return response;
}

/** A response whose body, if any, is a problem: its code is reported. */
async function finishedWith(response, over) {
  if (!response.body) return finished(response, over);
  const text = await response.text();
  const { code, detail } = JSON.parse(text);
  return finished(new Response(text, response), over, new KelpError(code, detail));
}
