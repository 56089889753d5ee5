// One request of a client for one file.
//
// The file is opened, the range of the request is read, and the longest prefix of the range that the subrequests allow is answered:
// plain chunks are passed through where that is configured, everything else is read by the core.
import { KelpError, openFiler, Pool, type RemoteFile } from "kelp-stream";
import { type Budget, cost, endThatFits, type Extent, readManifests } from "./budget";
import type { Audit } from "./audit";
import { GatewayCache } from "./cache";
import { Delivery, type Source } from "./delivery";
import { attachment } from "./disposition";
import { admit, hold, type Release, share } from "./memory";
import { Outbound } from "./outbound";
import { PassThrough } from "./pass-through";
import { PIECE } from "./pieces";
import type { FilePath } from "./path";
import { openingFailed, problem } from "./problem";
import { wantedRange } from "./range";
import { Relay } from "./relay";
import type { Settings } from "./settings";
import type { Grant } from "./signature";
import { chunkToken, filerToken } from "./tokens";
import { plainViews } from "./views";

/** A request whose path and signature were accepted. */
export interface Accepted {
  request: Request;
  path: FilePath;
  /** `null` if no signature is needed. */
  grant: Grant | null;
  /** The value of `download`: the file is saved under this name, or its own if this is empty. `null`: it is shown. */
  name: string | null;
}

/** Bytes that a download holds whose bodies are passed through: a piece, and as much that is being sent. */
const PASSED_ON = 2 * PIECE;

/** A range that is answered. */
type Part = Extent & { isPart: boolean };

export class Download {
  #request: Request;
  #path: FilePath;
  #grant: Grant | null;
  #name: string | null;
  #settings: Settings;
  #audit: Audit;
  #context: ExecutionContext;
  #outbound: Outbound;
  #cache: GatewayCache;
  #direct: PassThrough;

  constructor({ request, path, grant, name }: Accepted, settings: Settings, audit: Audit, context: ExecutionContext) {
    this.#request = request;
    this.#path = path;
    this.#grant = grant;
    this.#name = name;
    this.#settings = settings;
    this.#audit = audit;
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
    if (this.#request.method === "HEAD" || head.status !== 200) return this.#finished(head, file);
    const wanted = wantedRange(this.#request, file);
    // Without a byte of the file: the answer of the core has none, whatever the header says.
    if (!wanted) return this.#finished(await file.response(this.#with({ range: `bytes=${file.size}-` })), file);
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
      pool: new Pool({ maxConcurrency: connections, maxChunkBytes: Math.min(Math.floor(memory / 2), 2 ** 30) }),
    });
  }

  async #send(file: RemoteFile, head: Response, wanted: Part): Promise<Response> {
    const failure = await this.#readManifests(file, wanted);
    const { start } = wanted;
    const end = endThatFits(file, wanted, this.#budget());
    if (end < wanted.end && (!wanted.isPart || end === start)) {
      return failure ? this.#explained(openingFailed(failure)) : this.#tooMany(file, wanted, end);
    }
    const extent = { start, end, isPart: wanted.isPart };
    const leave = this.#grant ? admit(this.#grant.signature, this.#settings.urlDownloads) : () => {};
    if (!leave) return problem(429, "Too Many Requests", "too many downloads of this URL at a time", {}, { "retry-after": "1" });
    const done = Promise.withResolvers<void>();
    const over = () => (leave(), done.resolve());
    // Keeps the request alive after its client has left, so that streams are cancelled here instead of being cut off.
    this.#context.waitUntil(done.promise);
    try {
      return (await this.#passOn(file, head, extent, over)) ?? (await this.#read(file, extent, over));
    } catch (error) {
      over();
      throw error;
    }
  }

  /** Waits for memory. */
  #hold(bytes: number): Promise<Release | null> {
    const { memory, queue } = this.#settings;
    return hold(bytes, memory, queue, this.#request.signal);
  }

  /** As `#hold`, for a response that has begun. */
  async #again(bytes: number): Promise<Release> {
    const release = await this.#hold(bytes);
    if (!release) throw new Error("the downloads of this isolate hold MEMORY_MIB already: the rest of the range cannot be read");
    return release;
  }

  /** Opens the stream of a range, when there is memory for it. */
  async #stream(file: RemoteFile, { start, end }: Extent): Promise<Source> {
    const release = await this.#again(file.plan({ start, end }).peakBytes);
    return { reader: file.stream({ start, end, signal: this.#request.signal }).getReader(), release };
  }

  /** A range whose bodies are passed through; `null` if it has other chunks than plain ones. */
  async #passOn(file: RemoteFile, head: Response, extent: Part, over: () => void): Promise<Response | null> {
    const { direct, connections, memory, verify } = this.#settings;
    const views = direct ? plainViews(file, this.#cache.entry, this.#cache.chunks, extent) : null;
    if (!views) return null;
    const release = await this.#hold(PASSED_ON);
    if (!release) return this.#refused(over);
    const { end } = extent;
    // One connection is kept for lookups, and for another replica of a late server.
    const limits = { bodies: Math.max(1, connections - 1), bytes: share(memory), verify };
    const relay = new Relay(views, (view) => this.#direct.take(file, view, this.#request.signal), (start) => this.#stream(file, { start, end }), limits);
    if (!(await relay.begin().catch(() => false))) {
      // The core reports what is wrong.
      release();
      return null;
    }
    const resume = async (): Promise<Source> => ({ reader: relay, release: await this.#again(PASSED_ON) });
    return this.#deliver(likeHead(head, file, extent), file, extent, { reader: relay, release }, resume, over);
  }

  /** A range that the core reads. `over` is called when its body has ended. */
  async #read(file: RemoteFile, extent: Part, over: () => void): Promise<Response> {
    const { start, end, isPart } = extent;
    const { peakBytes } = file.plan(extent);
    if (peakBytes > this.#settings.memory) {
      over();
      return tooLarge(peakBytes, this.#settings.memory);
    }
    const release = await this.#hold(peakBytes);
    if (!release) return this.#refused(over);
    try {
      // The answer may be a prefix of the range: RFC 9110, 15.3.7 makes a client look at Content-Range and request the rest.
      const response = await file.response(this.#with(isPart ? { range: `bytes=${start}-${end - 1}` } : {}));
      if (!response.body || response.status >= 400) {
        release();
        over();
        return this.#explained(response);
      }
      const length = response.headers.get("content-length");
      if (length !== String(end - start)) throw new Error(`the core answers ${length} bytes where ${end - start} were planned`);
      const resume = (at: number) => this.#stream(file, { start: start + at, end });
      return this.#deliver(response, file, extent, { reader: response.body.getReader(), release }, resume, over);
    } catch (error) {
      release();
      throw error;
    }
  }

  #refused(over: () => void): Response {
    over();
    return problem(503, "Service Unavailable", "too many downloads at a time", {}, { "retry-after": "1" });
  }

  /** Sends a range to the client. `head` has its status and headers. */
  #deliver(head: Pick<Response, "status" | "headers">, file: RemoteFile, { start, end }: Part, source: Source, resume: (at: number) => Promise<Source>, over: () => void): Response {
    const fixed = new FixedLengthStream(end - start);
    const delivery = new Delivery(source, end - start, fixed.writable, resume, this.#settings, this.#request.signal);
    void delivery.run().then(() => (over(), this.#audit.end(head.status, delivery.taken)));
    return this.#finished(new Response(fixed.readable, head), file);
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

  /** The client's request with another method, and with this range or none. Its own was read by `wantedRange`. */
  #with({ method = "GET", range }: { method?: string; range?: string }): Request {
    const headers = new Headers(this.#request.headers);
    for (const name of ["range", "if-range"]) headers.delete(name);
    if (range) headers.set("range", range);
    return new Request(this.#request.url, { method, headers, signal: this.#request.signal });
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
    const { ranOut, wasMisdirected } = this.#outbound;
    if (response.status !== 403 || !(ranOut || wasMisdirected || this.#cache.wasTooLong)) return this.#finished(response);
    if (this.#cache.wasTooLong) return problem(507, "Insufficient Storage", "the entry of this file is too long for the gateway", { code: "limit" });
    const reason = ranOut ? "no subrequests are left" : "the file names a server that the gateway is not allowed to contact";
    return this.#finished(problem(502, "Bad Gateway", reason, { code: ranOut ? "subrequests" : "origin" }));
  }

  /** The response as the client gets it. `file`: whose bytes, or head, it has. */
  #finished(response: Response, file: RemoteFile | null = null): Response {
    // Otherwise workerd would encode a body again that is stored encoded.
    const init = { status: response.status, headers: response.headers, encodeBody: "manual" } as const;
    const finished = new Response(response.body, init);
    const { headers } = finished;
    if (response.status < 400) {
      headers.set("cache-control", this.#settings.cacheControl);
      headers.delete("expires");
    }
    if (file && this.#name !== null && headers.has("content-length")) headers.set("content-disposition", attachment(this.#name || file.name));
    // Files of users may be shown, but run no script.
    headers.set("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    return finished;
  }
}

// Not a 503, as for subrequests: a retry fails in the same way.
function tooLarge(needed: number, allowed: number): Response {
  return problem(507, "Insufficient Storage", "reading this takes more memory than the gateway has", { code: "limit", needed, allowed });
}

function likeHead(head: Response, { size }: RemoteFile, { start, end, isPart }: Part): Pick<Response, "status" | "headers"> {
  const headers = new Headers(head.headers);
  headers.set("content-length", String(end - start));
  if (isPart) headers.set("content-range", `bytes ${start}-${end - 1}/${size}`);
  return { status: isPart ? 206 : 200, headers };
}
