// The Cache API in front of `Outbound`: entries for a short time, and stored chunks, which never change, for longer.
import { fileIdOf } from "./file-id";
import type { Fetch, Outbound } from "./outbound";
import type { Settings } from "./settings";

// Keys in the reserved domain `.invalid`: no client can request them, and no route of a zone leads there.
const ENTRIES = "https://entries.kelp-stream.invalid";
const CHUNKS = "https://chunks.kelp-stream.invalid";

// The platform counts cache calls as subrequests. A miss takes three: the lookup, the request and the put.
const MISS = 3;

/** Bytes. A larger chunk is not cached: it would evict many others. */
const LARGEST = 16 * 2 ** 20;

export class GatewayCache {
  /** The JSON of the entry; empty until it was fetched. */
  entry = "";
  /** Whether the entry came from the cache, and so may be older than the filer's. */
  isOld = false;
  #outbound: Outbound;
  #settings: Settings;
  #waitUntil: (promise: Promise<unknown>) => void;

  constructor(outbound: Outbound, settings: Settings, waitUntil: (promise: Promise<unknown>) => void) {
    this.#outbound = outbound;
    this.#settings = settings;
    this.#waitUntil = waitUntil;
  }

  /** The most subrequests that reading a chunk takes. */
  get perChunk(): number {
    return this.#settings.chunkTtl > 0 ? MISS : 1;
  }

  /** Fetches from the cache, or from the servers. */
  readonly fetch: Fetch = (input, init) => {
    const url = new URL(input);
    const isEntry = url.origin === this.#settings.filer.origin && url.searchParams.get("metadata") === "true";
    if (isEntry) return this.#fetchEntry(url, init);
    const fileId = this.#settings.chunkTtl > 0 ? fileIdOf(url) : null;
    return fileId ? this.#fetchChunk(fileId, input, init) : this.#outbound.fetch(input, init);
  };

  /** Removes a cached entry that was too old; the next fetch asks the filer. */
  async drop(pathname: string): Promise<void> {
    this.isOld = false;
    if (this.#outbound.take()) await caches.default.delete(this.#entryKey(pathname));
  }

  #entryKey = (pathname: string) => `${ENTRIES}/${this.#settings.filer.host}${pathname}`;

  async #fetchEntry(url: URL, init?: RequestInit): Promise<Response> {
    const key = this.#entryKey(url.pathname);
    const ttl = this.#settings.entryTtl;
    const found = ttl > 0 && this.#outbound.take() ? await caches.default.match(key) : undefined;
    const response = found ?? (await this.#outbound.fetch(url.href, init));
    if (response.status !== 200) return response;
    this.isOld = found !== undefined;
    this.entry = await response.text();
    // The filer sends neither ETag nor Last-Modified with an entry, so a cached one cannot be revalidated.
    // An entry with chunk keys is not cached: a reader of the cache could decrypt the file.
    if (!found && ttl > 0 && !this.entry.includes('"cipher_key"') && this.#outbound.take()) {
      this.#waitUntil(caches.default.put(key, cached(this.entry, ttl)));
    }
    return new Response(this.entry, { headers: { "content-type": "application/json" } });
  }

  // Chunks are cached as stored: encrypted ones stay encrypted.
  async #fetchChunk(fileId: string, input: string, init?: RequestInit): Promise<Response> {
    const key = `${CHUNKS}/${this.#settings.filer.host}/${fileId}`;
    const range = new Headers(init?.headers).get("range");
    const found = this.#outbound.take() && (await caches.default.match(new Request(key, { headers: range === null ? {} : { range } })));
    if (found) return found;
    const response = await this.#outbound.fetch(input, init);
    const { status, headers } = response;
    const length = Number(headers.get("content-length") ?? Infinity);
    const isWhole = status === 200 && range === null && !headers.has("content-encoding") && length <= LARGEST;
    if (!isWhole || !response.body || !this.#outbound.take()) return response;
    const [body, copy] = response.body.tee();
    this.#waitUntil(caches.default.put(key, cached(copy, this.#settings.chunkTtl, headers)).catch(() => {}));
    return new Response(body, { headers });
  }
}

// The ETag of a chunk is the checksum that `VERIFY = "transit"` checks.
const KEPT = ["content-length", "etag"];

function cached(body: BodyInit, ttl: number, from = new Headers()): Response {
  const headers = new Headers({ "content-type": "application/octet-stream", "cache-control": `max-age=${ttl}` });
  for (const name of KEPT) if (from.has(name)) headers.set(name, from.get(name)!);
  return new Response(body, { headers });
}
