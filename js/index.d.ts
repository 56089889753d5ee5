/// <reference lib="esnext.disposable" />
// The types of `kelp-stream`. Positions count from 0, `end` is exclusive, sizes are in bytes, times in milliseconds. A value of a
// wrong type is a `TypeError`, a wrong value a `RangeError`; the call itself throws (async functions reject). `undefined` means the
// default; unknown options are ignored, with a warning on the console.

/**
 * Opens a file of a SeaweedFS filer by its URL. Fetches the entry of the file (`<url>?metadata=true`), and no chunk. A file whose
 * content is only in remote storage is read in ranges of the URL itself, because only the filer can fetch it.
 *
 * @example
 * const file = await openFiler("https://filer.example/videos/film.webm");
 * await file.stream().pipeTo(await handle.createWritable());
 */
export function openFiler(url: string | URL, options?: FilerOptions): Promise<RemoteFile>;

/**
 * Opens a file by its entry: the JSON that a filer answers to `?metadata=true`, as a string or as its bytes. Do not parse and
 * serialize it before: JavaScript rounds its 64-bit numbers.
 */
export function openEntry(entry: string | Uint8Array, options?: FilerOptions): Promise<RemoteFile>;

/**
 * Opens a file of any chunk store by a manifest of its chunks. Small adjacent chunks of one blob without key, compression and
 * digest are fetched in one request; `plan()` counts them as one chunk. If a blob that several chunks share changes while it is
 * read, streams fail with code `source_changed`.
 */
export function openManifest(manifest: Manifest, options?: Options): Promise<RemoteFile>;

/**
 * Opens one URL and reads it in several ranges at a time. Requests the first byte to learn the size, unless `size` is given. If the
 * server does not support ranges, the file is read in one stream. If no header has the size (a chunked or compressed response), the
 * call reads the whole file, up to `maxBytesAhead` bytes, and keeps it.
 *
 * ETag, Last-Modified and size of the first response are validators: if a later response differs, every stream of the file fails
 * with code `source_changed`. A redirect is followed once; later requests go to its target, until the target is gone. `headers` are not
 * sent to another origin.
 */
export function openUrl(url: string | URL, options?: UrlOptions): Promise<RemoteFile>;

/** Starts the wasm module before it is needed. Otherwise the first open call starts it. */
export function init(input?: string | URL | Response | ArrayBuffer | ArrayBufferView | Module | PromiseLike<Response>): Promise<void>;

/** The version of this package. */
export function version(): string;

/** An open file. It holds no connection unless a stream is read. */
export interface RemoteFile {
  readonly size: number;
  readonly name: string;
  /** The media type; `application/octet-stream` if it is not known. */
  readonly type: string;
  /** A strong ETag as in the header, with its quotes. */
  readonly etag: string | null;
  /** Milliseconds since 1970. */
  readonly lastModified: number | null;

  /**
   * The bytes, in file order. Nothing is fetched before the first read. The stream closes only after exactly the bytes of the range
   * were delivered; otherwise it fails. Cancelling it, or aborting the signal, aborts all its requests at once. It is a byte stream
   * if the platform has them, and has no queue of its own: look-ahead is the only buffer.
   */
  stream(range?: StreamRange): ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * The response to a request for the file: 200, 206, 304, 405, 412 or 416, for GET and HEAD, with `Range` and the conditional
   * headers of RFC 9110. Without a request: the whole file.
   *
   * One range is answered with 206; several ranges, and malformed ones, with 200 and the whole file (RFC 9110, 14.2).
   * `Cache-Control`, `Expires`, `Content-Disposition`, `Content-Encoding` and `Content-Language` are those stored with the entry. With
   * a stored `Content-Encoding` the bytes are the encoded ones. Without a stored disposition, `Content-Disposition` has the `name`.
   *
   * A type that can run script (all but images without SVG, audio, video, fonts, plain text, PDF and JSON) has a
   * `Content-Security-Policy` that runs none, and every response `X-Content-Type-Options: nosniff`. If the file was opened with
   * a credential (`headers`, `token`, `filerToken`, `sse`, a key, or the query of a URL), a stored `Cache-Control` that lets shared
   * caches keep the response is replaced by `private, no-cache`.
   *
   * Resolves when the first bytes have arrived. If they cannot be read, the response is a problem (RFC 9457,
   * `application/problem+json`), as of the function {@link problem}. A later failure breaks the body; it never ends early without an error.
   * Look-ahead continues after the first bytes, so cancel a body that is not read. Rejects with the reason of an aborted signal
   * (the request's or the file's), and with code `closed`.
   */
  response(request?: Request, options?: ResponseOptions): Promise<Response>;
  bytes(range?: StreamRange): Promise<Uint8Array<ArrayBuffer>>;
  arrayBuffer(range?: StreamRange): Promise<ArrayBuffer>;
  blob(range?: StreamRange): Promise<Blob>;
  /** Decoded as UTF-8. */
  text(range?: StreamRange): Promise<string>;
  /** The plan of a stream of this range. Nothing is fetched. */
  plan(range?: Range): PlanSummary;
  /** Counters over all streams of this file. */
  readonly stats: Stats;
  /** Fails all streams of this file, and all later calls, with code `closed`. */
  close(): void;
  [Symbol.dispose](): void;
}

export interface ResponseOptions {
  /** Whether a browser shows the file or saves it. @default as stored with the entry, else "inline" */
  disposition?: "inline" | "attachment";
  /** The name to save it under. @default the name of the file */
  name?: string;
}

/**
 * The response for an error (RFC 9457, `application/problem+json`): 404 for `not_found`, 403 for `unauthorized`, 502 for every other
 * code, with `code`, `retryable`, `offset` and the `chunk` if it has a file id. It names no server and no URL. Throws errors that
 * are the caller's: a closed file, and anything but a `KelpError`.
 */
export function problem(error: unknown): Response;

export interface Range {
  /** The first byte. @default 0 */
  start?: number;
  /** One past the last byte; clipped to the size. @default size */
  end?: number;
}

export interface StreamRange extends Range {
  /** Aborts all requests at once; the stream fails with the reason of the signal. */
  signal?: AbortSignal;
}

export interface Options {
  /** Aborts opening, and every stream of the file; they fail with the reason of the signal. */
  signal?: AbortSignal;
  /** Used for every request instead of the global `fetch`. It must respect `redirect`, or `headers` may reach another origin. */
  fetch?: Fetch;
  /**
   * Sent to the filer, or to the URL of `openUrl`; never to another origin, redirects included. A page does not see where a redirect
   * leads: there, a redirect of a request with headers is followed within the page's own origin, and is an error with code `network`
   * otherwise.
   */
  headers?: HeadersInit;
  /**
   * Views in flight. `"auto"` measures how many the link needs. All streams of a pool with `"auto"` share one concurrency, which
   * `stats.concurrency` and events of kind `"width"` report. @default "auto"
   */
  concurrency?: number | "auto";
  /** The highest concurrency of `"auto"`. @default 64 */
  maxConcurrency?: number;
  /** Concurrent requests to one host. @default no limit besides the platform's */
  perHost?: number;
  /** Bytes that may be held or requested ahead of the reader, including buffers for decoding. @default 32 MiB */
  maxBytesAhead?: number;
  /** Bytes that are in no chunk: zeros, or an error with code `hole`. @default "zero" */
  holes?: "zero" | "error";
  /**
   * `"stream"`: known digests are checked while bytes are delivered; after a mismatch the stream fails. `"transit"`: the same, with
   * the CRC-32C that a volume server sends instead of the MD5, where it can be seen; it takes less time, and does not show damage from
   * before the chunk was stored. `"strict"`: only verified bytes are delivered, so whole chunks are held in memory. `"off"`: digests
   * are ignored. Encrypted chunks are always verified.
   * @default "stream"
   */
  verify?: "stream" | "transit" | "strict" | "off";
  /** What decrypts: WebCrypto (`"native"`), the codec module (`"wasm"`), or WebCrypto if the platform has it (`"auto"`). @default "auto" */
  decoder?: "auto" | "native" | "wasm";
  /**
   * How many workers of the pool may decode. `"auto"`: none until a chunk has to be decoded that is not small, then up to one less than
   * the processor has cores, at least 1 and at most 4; none in service workers, at the edge, in Deno, and where the platform has no
   * workers. `0`: this thread decodes, in tasks of at most 8 ms. It also does if no worker can be started, for example because a
   * Content-Security-Policy forbids it. @default the limit of the pool
   */
  workers?: number | "auto";
  /** Bytes per second that the stream delivers at most, evenly distributed. @default no limit */
  throttle?: number;
  /** Each replica is tried `passes` times, with a growing pause between passes. @default passes 3, baseDelay 200, maxDelay 10000 */
  retry?: { passes?: number; baseDelay?: number; maxDelay?: number };
  /** Until the headers of a response, and between bytes of a body. @default headers 15000, idle 20000 */
  timeout?: { headers?: number; idle?: number };
  /** Shared by the streams of several files. @default one pool for the module */
  pool?: Pool;
  /**
   * Priority among the streams of a pool. A `"low"` stream starts chunks while no other stream waits to, and at least one a second.
   * @default "normal"
   */
  priority?: "high" | "normal" | "low";
  /** Request the chunk that blocks the reader from another replica too, if it is later than its host usually is. @default true */
  hedge?: boolean;
  /**
   * If given, no request leaves for any other origin, whatever an entry, a lookup, a chunk manifest or a redirect says; that is an
   * error with code `unsupported`. Of the URLs only scheme, host and port count. A page cannot see where a redirect leads: with this
   * option it follows those within its own origin only.
   */
  origins?: (string | URL)[];
  /** Called at most every 100 ms, and once at the end of a stream. */
  onProgress?(progress: Progress): void;
  /** Called with every event of a stream, for waterfalls and bug reports. */
  onEvent?(event: StreamEvent): void;
}

export interface FilerOptions extends Options {
  /**
   * The URL of the filer, with its path if it is below one of a reverse proxy (`"https://host/files/"`): it relays chunks at
   * `<filer>/?proxyChunkId=` if `locate` is `"proxy"`, and serves files whose content is only in remote storage. The URL given to
   * `openFiler` must be below it. Default of `openFiler`: the origin of that URL.
   */
  filer?: string | URL;
  /**
   * Where chunks are read from. `"proxy"`: the filer relays them. `{ master }`: the master names the volume servers; of several
   * masters, each is asked in turn until one answers. A function returns the URLs of a chunk; `refresh` is true if the URLs that it returned before failed. After `timeout.headers` the call
   * counts as failed, and its signal is aborted.
   *
   * A master is asked once for each volume, and again if all replicas failed. Volume servers are requested at their `publicUrl`,
   * and at their `url` too once one could not be reached. If a volume server requires a token and `token` is not
   * given, the master is asked for one. A master sends no CORS headers, so a page of another origin needs a proxy in front of it.
   * @default "proxy"
   */
  locate?: "proxy" | { master: string | URL | (string | URL)[] } | ((fileId: string, o: { signal: AbortSignal; refresh: boolean }) => Location | Promise<Location>);
  /**
   * Returns a read token for a chunk at an origin; called when a request is about to be sent. Concurrent requests for the same chunk
   * and origin share one call. The token is sent as `?jwt=`. The function is called once more if the token is refused, or if its `exp`
   * has passed. A result that is not a string, is empty, or does not come within `timeout.headers` is an error with code
   * `unauthorized`.
   */
  token?: (fileId: string, origin: string) => string | Promise<string>;
  /** A token for the filer, for the entry and for relayed chunks. A function is called when a request is about to be sent. Sent as `?jwt=`. */
  filerToken?: string | (() => string | Promise<string>);
  /** Keys of S3 objects under server-side encryption, 32 bytes each. The open call copies them. */
  sse?: {
    /** SSE-C: the customer's key (base64 as a string). It is checked against the MD5 that is stored with the object. */
    customerKey?: Uint8Array | string;
    /**
     * SSE-S3: the key-encryption key of the S3 gateway (64 hexadecimal digits as a string). It decrypts every object of the gateway,
     * so use it only where all of them may be read: in a server or an edge worker, never in a public page.
     */
    kek?: Uint8Array | string;
  };
}

export interface UrlOptions extends Options {
  /** The size, if known: saves a request. If a response shows another size, streams fail with code `source_changed`. */
  size?: number;
  /** Length of the ranges. @default 4 MiB */
  chunkSize?: number;
  /**
   * Default: the name in the server's `Content-Disposition`, where it can be seen and `size` is not given, else the last component
   * of the path. That name has no separators and no control characters, and is never empty.
   */
  name?: string;
  type?: string;
}

/** Where a chunk is stored. */
export interface Location {
  /** Full URLs of the chunk, one per replica. */
  urls: string[];
  /** Sent as `?jwt=`. If its `exp` has passed when a request is about to be sent, `locate` is called again with `refresh`. */
  token?: string;
}

/** A file of any chunk store. Where chunks overlap, the one with the greatest `modified` wins; of equals, the later in the list. */
export interface Manifest {
  size: number;
  name?: string;
  type?: string;
  etag?: string;
  lastModified?: number;
  chunks: ManifestChunk[];
}

export interface ManifestChunk {
  /** One URL per replica. */
  urls: string[];
  /** Position of its first byte in the file. */
  offset: number;
  /** How many bytes of the file it has. */
  size: number;
  /** The stored bytes of the chunk, if several chunks share a URL. */
  range?: { start: number; end: number };
  /** Key of AES-256-GCM, 32 bytes (base64 as a string). The chunk is stored as nonce (12), ciphertext, tag (16). */
  key?: Uint8Array | string;
  compression?: "gzip";
  /** Base64 of the MD5 of the decoded bytes. */
  md5?: string;
  /** The version of the chunk. */
  modified?: number | bigint;
}

export interface PlanSummary {
  start: number;
  end: number;
  views: number;
  gaps: number;
  gapBytes: number;
  /** Number of different chunks. */
  chunks: number;
  /** Number of requests, if none fails. */
  requests: number;
  /** Number of chunk manifests that must be read first. */
  manifests: number;
  /** The most bytes that are held at a time. */
  peakBytes: number;
}

export interface Stats {
  bytesDelivered: number;
  bytesReceived: number;
  /** Bytes held or requested now, and not yet read. */
  bytesAhead: number;
  peakBytesAhead: number;
  /** Views in flight. */
  inFlight: number;
  /** How many views may be in flight. */
  concurrency: number;
  requests: number;
  /** Attempts at a replica that has failed before. */
  retries: number;
  /** Attempts at another replica, after a failure or because the host was slow. */
  failovers: number;
  /** Additional requests to another replica for a late view. */
  hedges: number;
  relookups: number;
  /** Views that were read from the decoded chunks that the pool keeps, or that shared the fetch of another view. */
  cacheHits: number;
  holes: number;
  holeBytes: number;
  /** Workers of the pool that are up. */
  workers: number;
  /** Milliseconds for which the reader waited (`network`, `decode`), or the look-ahead (`budget`, `reader`). */
  waits: { network: number; decode: number; budget: number; reader: number };
}

export interface Progress {
  /** Never decreases. */
  delivered: number;
  received: number;
  total: number;
}

export interface StreamEvent {
  /** Milliseconds since the file was opened. */
  at: number;
  kind: "queue" | "request" | "headers" | "first-byte" | "body" | "decoded" | "delivered" | "retry" | "failover" | "hedge" | "relookup" | "hole" | "width" | "wait" | "end";
  /** A file id, or a URL without query. */
  chunk?: string;
  /** The index of a view or hole in the plan. */
  index?: number;
  host?: string;
  bytes?: number;
  status?: number;
  /**
   * Of `"decoded"`: what decoded the chunk. `"webcrypto"`, `"codec"` (the wasm module), or `"webcrypto, codec"` (decrypted, then
   * inflated); with `"worker, "` before it if a worker did.
   */
  reason?: string;
  width?: number;
}

/** Limits that several streams share. The bytes that a reader needs next are exempt from `maxBytes`, so an idle stream blocks no other. */
export class Pool {
  constructor(limits?: {
    /** Bytes held or requested, over all streams. @default 64 MiB */
    maxBytes?: number;
    perHost?: number;
    /** Views in flight, over all streams. @default 64 */
    maxConcurrency?: number;
    /**
     * The largest chunk that is decoded in memory, which takes twice its size for a moment. A larger one is an error with code `limit`,
     * and is not requested. @default 1 GiB
     */
    maxChunkBytes?: number;
    /**
     * Decoded chunks that are kept for reads that follow, in bytes that do not count as `maxBytes`: those that were encrypted or
     * compressed. A read that they cover makes no request, and reads of the same chunk at the same time share one fetch. `0`: neither.
     * @default 32 MiB; 0 in workerd
     */
    maxCacheBytes?: number;
    /** How many workers decode the chunks of its files: see the option `workers`, which precedes. @default "auto" */
    workers?: number | "auto";
  });
  readonly bytes: number;
  readonly peakBytes: number;
  /** Bytes of decoded chunks that are kept: not part of `bytes`. */
  readonly cachedBytes: number;
  readonly inFlight: number;
  /** Fails every stream of the pool with code `closed`, drops the chunks that it keeps, and ends its workers. A pool without work ends them after a minute. */
  close(): void;
}

export type ErrorCode =
  | "network" | "timeout" | "http" | "unauthorized" | "not_found" | "no_locations" | "range" | "short_body" | "long_body"
  | "corrupt" | "manifest" | "source_changed" | "hole" | "unsupported" | "limit" | "closed" | "internal";

/** Why a file could not be opened or read. It contains no key and no token. */
export class KelpError extends Error {
  private constructor();
  readonly code: ErrorCode;
  /** The same call may succeed later. */
  readonly retryable: boolean;
  /** A file id, or a URL without query. */
  readonly chunk?: string;
  /** Position of the first byte that was not delivered. */
  readonly offset?: number;
  /** The failed requests, in order. */
  readonly attempts: { host: string; status?: number; reason: string }[];
  /**
   * The value that `locate`, `token` or `filerToken` threw. Of what the platform or `fetch` threw: an error with its messages, without
   * queries of URLs and credentials, and its `code`, such as `"ECONNRESET"`.
   */
  readonly cause?: unknown;
}

// The types of the platform, from whatever declares them: the DOM library, @types/node, Deno, Bun, @cloudflare/workers-types. Without
// any of these the package compiles too, and they are objects of which nothing is known.
type Platform<Name extends string, Otherwise = object> = typeof globalThis extends { [N in Name]: { prototype: infer T } } ? T : Otherwise;
type AbortSignal = Platform<"AbortSignal", { readonly aborted: boolean; readonly reason: unknown }>;
type Blob = Platform<"Blob">;
type Fetch = typeof globalThis extends { fetch: infer F } ? F : (url: string, init: object) => Promise<object>;
type HeadersInit = [string, string][] | Record<string, string> | Platform<"Headers", never>;
type Module = typeof globalThis extends { WebAssembly: { Module: { prototype: infer T } } } ? T : object;
type Request = Platform<"Request">;
type Response = Platform<"Response">;
type URL = Platform<"URL", { readonly href: string }>;

declare global {
  // Merges with the declaration of the platform.
  interface ReadableStream<R = any> {}
}

export {};
