// One request of a client for one file, with all that it may use.
import { KelpError, openFiler, Pool, type RemoteFile } from "kelp-stream";
import { type Budget, cost, endThatFits, type Extent, readManifests } from "./budget";
import { HandThrough } from "./direct";
import { hold, share } from "./memory";
import { Outbound } from "./outbound";
import type { FilePath } from "./path";
import { inLargePieces } from "./pieces";
import { openingFailed, problem } from "./problem";
import { wantedRange } from "./range";
import { Relay } from "./relay";
import type { Settings } from "./settings";
import { Shelf } from "./shelf";
import { chunkToken, filerToken } from "./tokens";
import { plainViews } from "./views";

/** The answer to a request that may be answered. */
export class Download {
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
    this.#outbound = new Outbound(settings);
    this.#shelf = new Shelf(this.#outbound, settings, (promise) => context.waitUntil(promise));
    const { readSecret } = settings;
    this.#direct = new HandThrough(this.#shelf.fetch, readSecret ? (fileId) => chunkToken(fileId, readSecret) : null);
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
    const extent = { start, end, isPart: wanted.isPart };
    const plain = this.#settings.direct ? await this.#handedThrough(file, extent) : null;
    if (plain) return this.#finished(likeHead(head, plain, file, extent));
    const release = this.#hold(file, extent);
    if (!release) return problem(503, "Service Unavailable", "too many downloads at a time", {}, { "retry-after": "1" });
    const done = Promise.withResolvers<void>();
    const over = () => (release(), done.resolve());
    // Until then the request lives on when its client has left: what was started is ended here, and not cut off.
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

  /** The bodies of plain chunks, as they come from the servers; `null` where there are no such. */
  async #handedThrough(file: RemoteFile, { start, end }: Extent): Promise<ReadableStream<Uint8Array> | null> {
    const { connections, memory } = this.#settings;
    const { signal } = this.#request;
    const views = plainViews(file, this.#shelf.entry, { start, end });
    if (!views) return null;
    // One connection is for lookups, and for asking another replica of a server that is late.
    const relay = new Relay(views, (view) => this.#direct.take(file, view, signal), { bodies: Math.max(1, connections - 1), bytes: share(memory) });
    const first = await relay.body(0);
    if (!first || views.length === 1) return first;
    const fixed = new FixedLengthStream(end - start);
    let release: (() => void) | null = null;
    const rest = (from: number) => {
      release = this.#hold(file, { start: from, end });
      if (!release) throw new Error("there is no memory to go on in");
      return file.stream({ start: from, end, signal });
    };
    this.#context.waitUntil(relay.pump(first, fixed.writable, rest).finally(() => release?.()));
    return fixed.readable;
  }

  /** What the core reads, and puts together. */
  async #read(file: RemoteFile, extent: Extent & { isPart: boolean }, over: () => void): Promise<Response> {
    const { start, end, isPart } = extent;
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

function likeHead(head: Response, body: ReadableStream, { size }: RemoteFile, { start, end, isPart }: Extent & { isPart: boolean }): Response {
  const headers = new Headers(head.headers);
  headers.set("content-length", String(end - start));
  if (isPart) headers.set("content-range", `bytes ${start}-${end - 1}/${size}`);
  return new Response(body, { status: isPart ? 206 : 200, headers });
}
