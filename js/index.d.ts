// The types of `kelp-stream`. Positions are counted from 0, `end` is exclusive, sizes are bytes, times are
// milliseconds. Wrong types are a `TypeError` and wrong values a `RangeError`, from the call itself (async calls
// reject with it). `undefined` is the default; unknown names are ignored.

/**
 * Opens a file of a SeaweedFS filer by its URL. Fetches its entry (`<url>?metadata=true`) and nothing else. A file that is
 * kept in a remote storage only is then read in ranges of the URL itself, since the filer alone can fetch it.
 *
 * @example
 * const file = await openFiler("https://filer.example/videos/film.webm");
 * await file.stream().pipeTo(await handle.createWritable());
 */
export function openFiler(url: string | URL, options?: FilerOptions): Promise<RemoteFile>;

/**
 * Opens a file by its entry: the JSON text that a filer answers to `?metadata=true`. Pass the text itself, or its
 * bytes: parsed and written again, its 64-bit numbers would be rounded.
 */
export function openEntry(entry: string | Uint8Array, options?: FilerOptions & {
  /** The filer that relays chunks, where `locate` is `"proxy"`, and that serves files kept in a remote storage only. */
  filer?: string | URL;
}): Promise<RemoteFile>;

/**
 * Opens a file of any chunk store by a list of its chunks. Neighbours in one stored blob, small and without key, compression
 * and digest, are fetched together: `plan()` counts them as one. A shared blob that changes while it is read ends streams
 * with code `source_changed`.
 */
export function openManifest(manifest: Manifest, options?: Options): Promise<RemoteFile>;

/**
 * Opens one URL and reads it in ranges, several at once. Asks for its first byte, to learn its size, unless `size` is given.
 * A server without ranges is read in one stream. Where no header tells the size (a chunked or packed answer), the whole is
 * read now, up to `maxBytesAhead` bytes, and kept with the file.
 *
 * The first answer pins ETag, Last-Modified and size, as far as they can be seen: another version ends every stream of the
 * file with code `source_changed`. A redirect is followed once, and again when its target is gone. Of `headers`, those that a
 * redirect carries to another origin are the platform's affair; later requests to that origin have none.
 */
export function openUrl(url: string | URL, options?: UrlOptions): Promise<RemoteFile>;

/** Starts the wasm module before it is needed; without it, the first call does. */
export function init(input?: string | URL | Response | BufferSource | WebAssembly.Module | PromiseLike<Response>): Promise<void>;

/** The version of this package. */
export function version(): string;

/** A file that is open. It holds no connection while nothing reads. */
export interface RemoteFile {
  readonly size: number;
  readonly name: string;
  /** The media type; `application/octet-stream` where none is known. */
  readonly type: string;
  /** Strong, as a header writes it: quotes included. */
  readonly etag: string | null;
  /** Milliseconds since 1970. */
  readonly lastModified: number | null;

  /**
   * The bytes, in file order. Nothing is fetched before the first read. It closes only when exactly the bytes of the
   * range have been delivered; every other end is an error. Cancelling it, or aborting the signal, stops every request
   * at once. A byte stream where the platform has them, and without a queue of its own: look-ahead is the only buffer.
   */
  stream(range?: StreamRange): ReadableStream<Uint8Array>;
  /**
   * The file as the answer to a request: 200, 206, 304, 405, 412 or 416, for GET and HEAD, with `Range` and the
   * conditional headers of RFC 9110. Without a request: the whole file.
   *
   * One range is answered with 206; several, and a malformed one, with the whole 200, as RFC 9110, 14.2 allows.
   * `Cache-Control`, `Expires`, `Content-Disposition`, `Content-Encoding` and `Content-Language` are as stored with
   * the entry (the bytes are the encoded ones then); without a stored disposition, `name` is told in one.
   *
   * It resolves once the first bytes are there. Where they cannot be had it is a problem (RFC 9457,
   * `application/problem+json`): 404 for `not_found`, 403 for `unauthorized`, 502 for every other code, with `code`,
   * `detail`, `retryable`, `chunk` and `offset` of the error. A later failure breaks the body, which never ends short.
   * Look-ahead goes on from there: cancel a body that nobody reads. Rejects with the reason of an aborted signal (the
   * request's or the file's), and with `closed`.
   */
  response(request?: Request): Promise<Response>;
  bytes(range?: StreamRange): Promise<Uint8Array>;
  arrayBuffer(range?: StreamRange): Promise<ArrayBuffer>;
  blob(range?: StreamRange): Promise<Blob>;
  /** Decoded as UTF-8. */
  text(range?: StreamRange): Promise<string>;
  /** What a stream of this range would do. Nothing is fetched. */
  plan(range?: Range): PlanSummary;
  /** What the streams of this file have done so far. */
  readonly stats: Stats;
  /** Makes the streams of this file fail with code `closed`; later calls fail with it too. */
  close(): void;
  [Symbol.dispose](): void;
}

export interface Range {
  /** The first byte. @default 0 */
  start?: number;
  /** One past the last byte; clipped to the size. @default size */
  end?: number;
}

export interface StreamRange extends Range {
  /** Stops every request, at once; the stream fails with the reason itself. */
  signal?: AbortSignal;
}

export interface Options {
  /** Ends opening, and every stream of the file; they fail with the reason itself. */
  signal?: AbortSignal;
  /** Used for every request in place of the global one. */
  fetch?: typeof fetch;
  /** Sent to the filer, or to the URL given to `openUrl`; never to another origin. */
  headers?: HeadersInit;
  /**
   * Views in flight. `"auto"` finds how many the link needs, while it is used: one width for all such streams of a pool,
   * told by `stats.concurrency` and by events of kind `"width"`. @default "auto"
   */
  concurrency?: number | "auto";
  /** Ceiling for `"auto"`. @default 64 */
  maxConcurrency?: number;
  /** Requests to one host at a time. @default what the platform allows */
  perHost?: number;
  /** Bytes held or promised but not yet read, decoding included. @default 32 MiB */
  maxBytesAhead?: number;
  /** What bytes are that no chunk holds. @default "zero" */
  holes?: "zero" | "error";
  /**
   * `"stream"`: every digest known is checked as bytes go by, a mismatch never ends cleanly. `"strict"`: nothing
   * unverified is released, at the price of whole chunks in memory. `"off"`: digests are not looked at; encrypted
   * chunks are verified always. @default "stream"
   */
  verify?: "stream" | "strict" | "off";
  /** Who decrypts: WebCrypto where there is one, or this module. @default "auto" */
  decoder?: "auto" | "native" | "wasm";
  /** Not there yet: only `0` and `"auto"` (which is none) are accepted. @default "auto" */
  workers?: number | "auto";
  /** Not there yet: bytes per second. */
  throttle?: number;
  /** Each replica is tried `passes` times, with a growing pause between passes. @default 3, 200, 10000 */
  retry?: { passes?: number; baseDelay?: number; maxDelay?: number };
  /** For the headers of an answer, and between the bytes of a body. @default 15000, 20000 */
  timeout?: { headers?: number; idle?: number };
  /** What streams share. @default one for the module */
  pool?: Pool;
  /**
   * Among the streams of a pool: `"low"` starts chunks when no other stream wants to, and one a second in any case.
   * @default "normal"
   */
  priority?: "high" | "normal" | "low";
  /** Ask another replica when the chunk that everything waits for is late against what its host usually takes. @default true */
  hedge?: boolean;
  /** Called at most every 100 ms, and once at the end of a stream. */
  onProgress?(progress: Progress): void;
  /** Called with all that happens, for waterfalls and bug reports. */
  onEvent?(event: StreamEvent): void;
}

export interface FilerOptions extends Options {
  /**
   * Where chunks come from: `"proxy"`, the filer relays them; `{ master }`, a master knows their volume servers; or a
   * function that gives the URLs of a chunk, `refresh` being true where those that it gave did not work. After
   * `timeout.headers` it counts as failed, and its signal is aborted.
   *
   * A master is asked once for each volume, and again when all replicas failed. Where a volume server wants a token and
   * there is no `token`, the master is asked for that too. It sends no CORS headers: a page of another origin cannot ask it
   * but through a proxy. @default "proxy"
   */
  locate?: "proxy" | { master: string | URL } | ((fileId: string, o: { signal: AbortSignal; refresh: boolean }) => Location | Promise<Location>);
  /**
   * A read token for a chunk at an origin, asked for when a request is about to leave; calls for the same chunk and origin
   * at the same time are one. Sent as `?jwt=`. It is asked for once more if it is refused, or if its `exp` is over. What is
   * no text, is empty, or does not come within `timeout.headers`, is `unauthorized`.
   */
  token?: (fileId: string, origin: string) => string | Promise<string>;
  /** A token for the filer, for the entry and for chunks that it relays, asked for when a request is about to leave; sent as `?jwt=`. */
  filerToken?: string | (() => string | Promise<string>);
  /** Keys of S3 objects under server-side encryption. 32 bytes each, copied by the call that opens the file. */
  sse?: {
    /** SSE-C: the customer's key (base64 as a string). Checked against the MD5 that is stored with the object. */
    customerKey?: Uint8Array | string;
    /**
     * SSE-S3: the gateway's key-encryption key (64 hexadecimal digits as a string). It opens every object of the
     * gateway, so it is for readers that are trusted with all of them: a server, an edge worker, never a public page.
     */
    kek?: Uint8Array | string;
  };
}

export interface UrlOptions extends Options {
  /** Its size, if known: saves a request. Where a server shows another, reading ends with code `source_changed`. */
  size?: number;
  /** How long the ranges are. @default 4 MiB */
  chunkSize?: number;
  name?: string;
  type?: string;
}

/** Where a chunk can be had. */
export interface Location {
  /** Full URLs of the chunk, one a replica. */
  urls: string[];
  /** Sent as `?jwt=`. If its `exp` is over when a request is about to leave, `locate` is asked again, with `refresh`. */
  token?: string;
}

/** A file of any chunk store. Where chunks overlap, the greatest `modified` wins, and the later of equals. */
export interface Manifest {
  size: number;
  name?: string;
  type?: string;
  etag?: string;
  lastModified?: number;
  chunks: ManifestChunk[];
}

export interface ManifestChunk {
  /** Where it can be had, one URL a replica. */
  urls: string[];
  /** Where in the file it begins. */
  offset: number;
  /** How many bytes of the file it holds. */
  size: number;
  /** The stored bytes, where several chunks share a URL. */
  range?: { start: number; end: number };
  /** AES-256-GCM, 32 bytes (base64 as a string). Stored is nonce (12), ciphertext, tag (16). */
  key?: Uint8Array | string;
  compression?: "gzip";
  /** base64, of the decoded bytes. */
  md5?: string;
  /** Its version. */
  modified?: number | bigint;
}

export interface PlanSummary {
  start: number;
  end: number;
  views: number;
  gaps: number;
  gapBytes: number;
  /** Different chunks. */
  chunks: number;
  /** If none fails. */
  requests: number;
  /** Chunk manifests that would have to be read. */
  manifests: number;
  /** The most bytes that would be held. */
  peakBytes: number;
}

export interface Stats {
  bytesDelivered: number;
  bytesReceived: number;
  /** Held or promised now, and not yet read. */
  bytesAhead: number;
  peakBytesAhead: number;
  /** Views in flight. */
  inFlight: number;
  /** Views that may be in flight. */
  concurrency: number;
  requests: number;
  /** Attempts at a replica that had failed before. */
  retries: number;
  /** Attempts at another replica after a failure. */
  failovers: number;
  /** Second requests, at another replica, for what was late. */
  hedges: number;
  relookups: number;
  holes: number;
  holeBytes: number;
  /** Why the reader (`network`, `decode`) or the look-ahead (`budget`, `reader`) waited. */
  waits: { network: number; decode: number; budget: number; reader: number };
}

export interface Progress {
  /** Never goes back. */
  delivered: number;
  received: number;
  total: number;
}

export interface StreamEvent {
  /** Since the file was opened. */
  at: number;
  kind: "queue" | "request" | "headers" | "first-byte" | "body" | "decoded" | "delivered" | "retry" | "failover" | "hedge" | "relookup" | "hole" | "width" | "wait" | "end";
  /** A file id, or a URL without query. */
  chunk?: string;
  /** The place of a view or gap in the plan. */
  index?: number;
  host?: string;
  bytes?: number;
  status?: number;
  reason?: string;
  width?: number;
}

/** What streams share. A stream's next bytes are exempt from `maxBytes`, so an idle stream never starves another. */
export class Pool {
  constructor(limits?: {
    /** Bytes held or promised, over all streams. @default 64 MiB */
    maxBytes?: number;
    perHost?: number;
    /** Views in flight, over all streams. @default 64 */
    maxConcurrency?: number;
    /** Not there yet: only `0` and `"auto"` (which is none) are accepted. */
    workers?: number | "auto";
  });
  readonly bytes: number;
  readonly peakBytes: number;
  readonly inFlight: number;
  /** Makes every stream of the pool fail with code `closed`. */
  close(): void;
}

export type ErrorCode =
  | "network" | "timeout" | "http" | "unauthorized" | "not_found" | "no_locations" | "range" | "short_body" | "long_body"
  | "corrupt" | "manifest" | "source_changed" | "hole" | "unsupported" | "limit" | "closed" | "internal";

/** Why a file could not be opened or read on. No key and no token is in it. */
export class KelpError extends Error {
  private constructor();
  readonly code: ErrorCode;
  /** The same call may succeed later. */
  readonly retryable: boolean;
  /** A file id, or a URL without query. */
  readonly chunk?: string;
  /** The first byte of the file that was not delivered. */
  readonly offset?: number;
  /** The requests made in vain, in order. */
  readonly attempts: { host: string; status?: number; reason: string }[];
  /** What was thrown by the platform, or by a function of yours. */
  readonly cause?: unknown;
}
