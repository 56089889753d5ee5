// One request of a client for one file.
//
// The file is opened, the range of the request is read, and the longest prefix of the range that the subrequests allow is answered:
// plain chunks are passed through where that is configured, everything else is read by the core.
import { KelpError, openFiler, Pool, type RemoteFile } from "kelp-stream";
import { type Budget, cost, endThatFits, type Extent, readManifests } from "./budget";
import { GatewayCache } from "./cache";
import { hold, share } from "./memory";
import { Outbound } from "./outbound";
import { PassThrough } from "./pass-through";
import type { FilePath } from "./path";
import { openingFailed, problem } from "./problem";
import { wantedRange } from "./range";
import { Relay } from "./relay";
import type { Settings } from "./settings";
import { chunkToken, filerToken } from "./tokens";
import { plainViews } from "./views";

/** Answers a request whose path and signature were accepted. */
export class Download {
  #request: Request;
  #path: FilePath;
  #settings: Settings;
  #context: ExecutionContext;
  #outbound: Outbound;
  #cache: GatewayCache;
  #direct: PassThrough;

  constructor(request: Request, path: FilePath, settings: Settings, context: ExecutionContext) {
    this.#request = request;
    this.#path = path;
    this.#settings = settings;
    this.#context = context;
    this.#outbound = new Outbound(settings);
    this.#cache = new GatewayCache(this.#outbound, settings, (promise) => context.waitUntil(promise));
    const { readSecret } = settings;
    this.#direct = new PassThrough(this.#cache.fetch, readSecret ? (fileId) => chunkToken(fileId, readSecret) : null);
  }

  /** Drops the cached entry, if the answer was based on one. Returns whether another attempt makes sense. */
  async renew(): Promise<boolean> {
    if (!this.#cache.isOld) return false;
    await this.#cache.drop(this.#path.encoded);
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

  // A pool per request: workerd forbids that a promise of one request wakes another, which streams of a shared pool would do.
  #open(): Promise<RemoteFile> {
    const { filer, master, filerSecret, readSecret, sseKek, connections, memory, verify } = this.#settings;
    return openFiler(filer.origin + this.#path.encoded, {
      fetch: this.#direct.fetch as typeof fetch,
      locate: master ? { master } : "proxy",
      ...(readSecret ? { token: (fileId: string) => chunkToken(fileId, readSecret) } : {}),
      ...(filerSecret ? { filerToken: () => filerToken(this.#path, filerSecret) } : {}),
      ...(sseKek ? { sse: { kek: sseKek } } : {}),
      // One connection is kept for lookups.
      concurrency: Math.max(1, master ? connections - 1 : connections),
      maxBytesAhead: share(memory),
      verify,
      // The client waits meanwhile, and can retry by itself.
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
    const extent = { start, end, isPart: wanted.isPart };
    const plain = this.#settings.direct ? await this.#passedThrough(file, extent) : null;
    if (plain) return this.#finished(likeHead(head, plain, file, extent));
    const release = this.#hold(file, extent);
    if (!release) return problem(503, "Service Unavailable", "too many downloads at a time", {}, { "retry-after": "1" });
    const done = Promise.withResolvers<void>();
    const over = () => (release(), done.resolve());
    // Keeps the request alive after its client has left, so that streams are cancelled here instead of being cut off.
    this.#context.waitUntil(done.promise);
    try {
      return await this.#read(file, extent, over);
    } catch (error) {
      over();
      throw error;
    }
  }

  #hold(file: RemoteFile, { start, end }: Extent): (() => void) | null {
    return hold(file.plan({ start, end }).peakBytes, this.#settings.memory);
  }

  /** The bodies of plain chunks as one stream; `null` if the range has other chunks. */
  async #passedThrough(file: RemoteFile, { start, end }: Extent): Promise<ReadableStream<Uint8Array> | null> {
    const { connections, memory } = this.#settings;
    const { signal } = this.#request;
    const views = plainViews(file, this.#cache.entry, { start, end });
    if (!views) return null;
    // One connection is kept for lookups, and for another replica of a late server.
    const relay = new Relay(views, (view) => this.#direct.take(file, view, signal), { bodies: Math.max(1, connections - 1), bytes: share(memory) });
    const first = await relay.body(0);
    if (!first || views.length === 1) return first;
    const fixed = new FixedLengthStream(end - start);
    let release: (() => void) | null = null;
    const rest = (from: number) => {
      release = this.#hold(file, { start: from, end });
      if (!release) throw new Error("the downloads of this isolate hold MEMORY_MIB already: the rest of the range cannot be read");
      return file.stream({ start: from, end, signal });
    };
    this.#context.waitUntil(relay.pump(first, fixed.writable, rest).finally(() => release?.()));
    return fixed.readable;
  }

  /** A range that the core reads. */
  async #read(file: RemoteFile, extent: Extent & { isPart: boolean }, over: () => void): Promise<Response> {
    const { start, end, isPart } = extent;
    // The answer may be a prefix of the range: RFC 9110, 15.3.7 makes a client look at Content-Range and request the rest.
    const range = isPart ? { range: `bytes=${start}-${end - 1}` } : {};
    const response = await file.response(this.#with({ headers: range }));
    if (!response.body || response.status >= 400) {
      over();
      return this.#explained(response);
    }
    const length = end - start;
    if (response.headers.get("content-length") !== String(length)) throw new Error(`the core answers ${response.headers.get("content-length")} bytes where ${length} were planned`);
    const fixed = new FixedLengthStream(length);
    // Fails if the client leaves or the file cannot be read on. The body breaks then; it never ends short.
    response.body.pipeTo(fixed.writable).catch(() => {}).then(over);
    return this.#finished(new Response(fixed.readable, response));
  }

  // If a chunk manifest cannot be read, neither can its chunks: a problem now is better than a body that breaks there.
  async #readManifests(file: RemoteFile, wanted: Extent): Promise<KelpError | null> {
    try {
      await readManifests(file, wanted, () => this.#budget(), this.#request.signal);
      return null;
    } catch (error) {
      if (error instanceof KelpError) return error;
      throw error;
    }
  }

  // With a master, each volume is looked up once. An entry without chunk manifests names all its volumes.
  #budget(): Budget {
    const { entry } = this.#cache;
    const volumes = new Set(entry.match(/"file_id":\s*"\d+/g));
    const lookups = !this.#settings.master ? 0 : entry.includes('"is_chunk_manifest"') ? Infinity : volumes.size;
    return { left: this.#outbound.left, perRequest: this.#cache.perChunk, lookups };
  }

  /** The client's request with another method or other headers. */
  #with({ method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> }): Request {
    const all = new Headers(this.#request.headers);
    for (const [name, value] of Object.entries(headers)) all.set(name, value);
    return new Request(this.#request.url, { method, headers: all, signal: this.#request.signal });
  }

  // 507, not 503: proxies and downloaders retry a 503, and a retry fails in the same way. The client can request a shorter range.
  #tooMany(file: RemoteFile, wanted: Extent, end: number): Response {
    const plan = file.plan(wanted);
    const members = {
      code: "subrequests", needed: this.#outbound.used + cost(plan, this.#budget()), allowed: this.#settings.subrequests,
      atLeast: plan.manifests > 0, fits: end - wanted.start, size: file.size,
    };
    return problem(507, "Insufficient Storage", "reading this takes more subrequests than the gateway may make: request it in ranges", members);
  }

  /** Replaces a 403 that the gateway's own rules caused: the core got no reason from `Outbound`. */
  #explained(response: Response): Response {
    if (response.status !== 403 || !(this.#outbound.wasMisdirected || this.#outbound.ranOut)) return this.#finished(response);
    const reason = this.#outbound.ranOut ? "no subrequests are left" : "the file names a server that the gateway is not allowed to contact";
    return this.#finished(problem(502, "Bad Gateway", reason, { code: this.#outbound.ranOut ? "subrequests" : "origin" }));
  }

  #finished(response: Response): Response {
    // Otherwise workerd would encode a body again that is stored encoded.
    const init = { status: response.status, headers: response.headers, encodeBody: "manual" } as const;
    const finished = new Response(response.body, init);
    const { headers } = finished;
    if (response.status < 400) {
      headers.set("cache-control", this.#settings.cacheControl);
      headers.delete("expires");
    }
    // Files of users may be shown, but run no script.
    headers.set("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    if (this.#settings.cors) {
      headers.set("access-control-allow-origin", this.#settings.cors);
      headers.set("access-control-expose-headers", "*");
      headers.append("vary", "Origin");
    }
    return finished;
  }
}

function likeHead(head: Response, body: ReadableStream, { size }: RemoteFile, { start, end, isPart }: Extent & { isPart: boolean }): Response {
  const headers = new Headers(head.headers);
  headers.set("content-length", String(end - start));
  if (isPart) headers.set("content-range", `bytes ${start}-${end - 1}/${size}`);
  return new Response(body, { status: isPart ? 206 : 200, headers });
}
