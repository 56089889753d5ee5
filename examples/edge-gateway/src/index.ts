// A gateway to the files of a SeaweedFS: GET and HEAD of a path, decrypted and put together here, at the edge.
import { KelpError, openFiler, Pool, type RemoteFile } from "kelp-stream";
import { type Budget, cost, endThatFits, type Extent, readManifests } from "./budget";
import { HandThrough } from "./direct";
import { hold, share } from "./memory";
import { Outbound } from "./outbound";
import { type FilePath, filePath, isAllowed } from "./path";
import { inLargePieces } from "./pieces";
import { openingFailed, problem } from "./problem";
import { wantedRange } from "./range";
import { type Env, Misconfigured, type Settings, settingsFrom } from "./settings";
import { Shelf } from "./shelf";
import { isSigned } from "./signature";
import { chunkToken, filerToken } from "./tokens";

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    try {
      return await answer(request, settingsFrom(env), context);
    } catch (error) {
      if (request.signal.aborted) return new Response(null, { status: 499 });
      console.error(error instanceof Misconfigured ? `misconfigured: ${error.message}` : error);
      return problem(500, "Internal Server Error", "the gateway cannot answer; its log says why");
    }
  },
};

async function answer(request: Request, settings: Settings, context: ExecutionContext): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") return problem(405, "Method Not Allowed", "files can only be read", {}, { allow: "GET, HEAD" });
  const url = new URL(request.url);
  const path = filePath(url);
  // What may not be read does not differ from what is not there.
  if (!path || !isAllowed(path, settings.prefixes)) return problem(404, "Not Found", "there is no such file");
  if (settings.urlSecret && !(await isSigned(url, path, settings.urlSecret))) {
    return problem(403, "Forbidden", "the URL is not signed, or its time is over");
  }
  const download = new Download(request, path, settings, context);
  const first = await download.answer();
  // An entry may have been kept for longer than its chunks: the file was written anew.
  return first.status === 404 && (await download.renew()) ? download.answer() : first;
}

/** One request of a client, with all that it may use. */
class Download {
  #request: Request;
  #path: FilePath;
  #settings: Settings;
  #context: ExecutionContext;
  #outbound: Outbound;
  #shelf: Shelf;
  #direct: HandThrough;

  constructor(request: Request, path: FilePath, settings: Settings, context: ExecutionContext) {
    this.#request = request;
    this.#path = path;
    this.#settings = settings;
    this.#context = context;
    this.#outbound = new Outbound(settings.origins, settings.subrequests);
    this.#shelf = new Shelf(this.#outbound, settings, (promise) => context.waitUntil(promise));
    this.#direct = new HandThrough(this.#shelf.fetch);
  }

  /** Whether it is worth another try, with an entry that is not kept. */
  async renew(): Promise<boolean> {
    if (!this.#shelf.isOld) return false;
    await this.#shelf.forget(this.#path.encoded);
    return true;
  }

  async answer(): Promise<Response> {
    let file: RemoteFile;
    try {
      file = await this.#open();
    } catch (error) {
      if (!(error instanceof KelpError)) throw error;
      return this.#explained(openingFailed(error));
    }
    const head = await file.response(this.#with({ method: "HEAD" }));
    if (this.#request.method === "HEAD" || head.status !== 200) return this.#finished(head);
    const wanted = wantedRange(this.#request, file);
    if (!wanted) return this.#finished(await file.response(this.#request));
    return this.#send(file, head, wanted);
  }

  // A pool of its own: what streams of two requests share would wake one in the other's place, which workerd forbids.
  #open(): Promise<RemoteFile> {
    const { filer, master, filerSecret, readSecret, sseKek, connections, memory, verify } = this.#settings;
    return openFiler(filer.origin + this.#path.encoded, {
      fetch: inLargePieces(this.#direct.fetch) as typeof fetch,
      locate: master ? { master } : "proxy",
      ...(readSecret ? { token: (fileId: string) => chunkToken(fileId, readSecret) } : {}),
      ...(filerSecret ? { filerToken: () => filerToken(this.#path, filerSecret) } : {}),
      ...(sseKek ? { sse: { kek: sseKek } } : {}),
      // A lookup may be under way beside the views.
      concurrency: Math.max(1, master ? connections - 1 : connections),
      maxBytesAhead: share(memory),
      verify,
      // A client waits behind us: what does not answer soon is its to ask for again.
      retry: { maxDelay: 1000 },
      pool: new Pool({ maxConcurrency: connections }),
    });
  }

  async #send(file: RemoteFile, head: Response, wanted: Extent & { isPart: boolean }): Promise<Response> {
    const failure = await this.#readManifests(file, wanted);
    const { start } = wanted;
    const end = endThatFits(file, wanted, this.#budget());
    if (end < wanted.end && (!wanted.isPart || end === start)) {
      return failure ? this.#explained(openingFailed(failure)) : this.#tooMany(file, wanted, end);
    }
    const release = hold(file.plan({ start, end }).peakBytes, this.#settings.memory);
    if (!release) return problem(503, "Service Unavailable", "too many downloads at a time", {}, { "retry-after": "1" });
    const done = Promise.withResolvers<void>();
    const over = () => (release(), done.resolve());
    // Until then the request lives on when its client has left: what was started is ended here, and not cut off.
    this.#context.waitUntil(done.promise);
    try {
      return await this.#body(file, head, { start, end, isPart: wanted.isPart }, over);
    } catch (error) {
      over();
      throw error;
    }
  }

  async #body(file: RemoteFile, head: Response, extent: Extent & { isPart: boolean }, over: () => void): Promise<Response> {
    const { start, end, isPart } = extent;
    const plain = this.#settings.direct && (await this.#direct.take(file, this.#shelf.entry, extent));
    if (plain) {
      over();
      return this.#finished(handedThrough(plain, head, file, extent));
    }
    // RFC 9110, 15.3.7: a client looks at Content-Range, and asks again for what is not in it.
    const range = isPart ? { range: `bytes=${start}-${end - 1}` } : {};
    const response = await file.response(this.#with({ headers: range }));
    if (!response.body || response.status >= 400) {
      over();
      return this.#explained(response);
    }
    const length = end - start;
    if (response.headers.get("content-length") !== String(length)) throw new Error("the core answers another range than was planned");
    const fixed = new FixedLengthStream(length);
    // It fails where the client leaves, or where the file cannot be read on: the body breaks then, and is never short.
    response.body.pipeTo(fixed.writable).catch(() => {}).then(over);
    return this.#finished(new Response(fixed.readable, response));
  }

  // What a manifest lists that cannot be read, cannot be served: better a problem now than a body that breaks there.
  async #readManifests(file: RemoteFile, wanted: Extent): Promise<KelpError | null> {
    try {
      await readManifests(file, wanted, () => this.#budget(), this.#request.signal);
      return null;
    } catch (error) {
      if (error instanceof KelpError) return error;
      throw error;
    }
  }

  // With a master, each volume is looked up: of an entry that lists all its chunks it is known how many there are.
  #budget(): Budget {
    const { entry } = this.#shelf;
    const volumes = new Set(entry.match(/"file_id":\s*"\d+/g));
    const lookups = !this.#settings.master ? 0 : entry.includes('"is_chunk_manifest"') ? Infinity : volumes.size;
    return { left: this.#outbound.left, perRequest: this.#shelf.perChunk, lookups };
  }

  /** A request like the client's. */
  #with({ method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> }): Request {
    const all = new Headers(this.#request.headers);
    for (const [name, value] of Object.entries(headers)) all.set(name, value);
    return new Request(this.#request.url, { method, headers: all, signal: this.#request.signal });
  }

  // 507, and not 503: nothing is gained by trying again, as proxies and downloaders do after a 503. A client can ask for less.
  #tooMany(file: RemoteFile, wanted: Extent, end: number): Response {
    const plan = file.plan(wanted);
    const members = {
      code: "subrequests", needed: this.#outbound.used + cost(plan, this.#budget()), allowed: this.#settings.subrequests,
      atLeast: plan.manifests > 0, fits: end - wanted.start, size: file.size,
    };
    return problem(507, "Insufficient Storage", "reading this takes more subrequests than the gateway may make: ask for it in ranges", members);
  }

  /** Where the gateway's own rules were the reason, the answer says so: the core was only told no. */
  #explained(response: Response): Response {
    if (response.status !== 403 || !(this.#outbound.wentAstray || this.#outbound.ranOut)) return this.#finished(response);
    const reason = this.#outbound.ranOut ? "no subrequests are left" : "the file leads to a server that the gateway does not contact";
    return this.#finished(problem(502, "Bad Gateway", reason, { code: this.#outbound.ranOut ? "subrequests" : "origin" }));
  }

  #finished(response: Response): Response {
    // workerd would encode again what is stored encoded.
    const init = { status: response.status, headers: response.headers, encodeBody: "manual" } as const;
    const finished = new Response(response.body, init);
    const { headers } = finished;
    if (response.status < 400) {
      headers.set("cache-control", this.#settings.cacheControl);
      headers.delete("expires");
    }
    // Files of users: they are shown, and run nothing.
    headers.set("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    if (this.#settings.cors) {
      headers.set("access-control-allow-origin", this.#settings.cors);
      headers.set("access-control-expose-headers", "*");
      headers.append("vary", "Origin");
    }
    return finished;
  }
}

function handedThrough({ body }: Response, head: Response, { size }: RemoteFile, { start, end, isPart }: Extent & { isPart: boolean }): Response {
  const headers = new Headers(head.headers);
  headers.set("content-length", String(end - start));
  if (isPart) headers.set("content-range", `bytes ${start}-${end - 1}/${size}`);
  return new Response(body, { status: isPart ? 206 : 200, headers });
}
