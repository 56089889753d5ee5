// The Cache API in front of `Outbound`: entries for a short time, and stored chunks, which never change, for longer.
//
// A chunk is kept if its body had the announced length, at least the length that the entry requires, and the MD5 of the entry if it
// has one (`keep`). A body of the cache whose length is wrong is deleted. So is one that the core asks for again: it has
// refused the bytes, and gets those of a server.
import { fileIdOf } from "./file-id";
import { keep } from "./keep";
import { chunksOf, type Listed, type Stored, storedChunks, UNKNOWN } from "./listed";
import type { Fetch, Outbound } from "./outbound";
import type { Settings } from "./settings";

// A cache of its own: what other workers of the zone keep in the default one is not read here.
const NAME = "kelp-stream";
// Keys in the reserved domain `.invalid`: no client can request them, and no route of a zone leads there.
const ENTRIES = "https://entries.kelp-stream.invalid";
const CHUNKS = "https://chunks.kelp-stream.invalid";

// The platform counts cache calls as subrequests. A miss takes three: the lookup, the request and the put.
const MISS = 3;

/** Bytes. A larger chunk is not cached: it would evict many others. */
const LARGEST = 16 * 2 ** 20;

/** Bytes. Parsing an entry takes several times its length; this is that of about thirty thousand chunks. */
const LARGEST_ENTRY = 8 * 2 ** 20;

export class GatewayCache {
  /** The JSON of the entry; empty until it was fetched. */
  entry = "";
  /** Whether the entry came from the cache, and so may be older than the filer's. */
  isOld = false;
  /** Whether an entry was refused because it is longer than `LARGEST_ENTRY`. */
  wasTooLong = false;
  #outbound: Outbound;
  #settings: Settings;
  #waitUntil: (promise: Promise<unknown>) => void;
  /** The chunks of the entry, and what is known of their stored bytes, once they are asked for. */
  #chunks: Listed[] | null = null;
  #stored: Map<string, Stored> | null = null;
  /** Chunks and ranges that were asked for, and the chunks among them that the cache had. */
  #asked = new Set<string>();
  #found = new Set<string>();

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
    await this.#delete(this.#entryKey(pathname));
  }

  #entryKey = (pathname: string) => `${ENTRIES}/${this.#settings.filer.host}${pathname}`;
  #chunkKey = (fileId: string) => `${CHUNKS}/${this.#settings.filer.host}/${fileId}`;

  async #fetchEntry(url: URL, init?: RequestInit): Promise<Response> {
    const key = this.#entryKey(url.pathname);
    const ttl = this.#settings.entryTtl;
    const found = ttl > 0 ? await this.#match(key) : undefined;
    const response = found ?? (await this.#outbound.fetch(url.href, init));
    if (response.status !== 200) return response;
    const entry = await textUpTo(response, LARGEST_ENTRY);
    this.wasTooLong = entry === null;
    if (entry === null) return new Response(null, { status: 403 });
    this.isOld = found !== undefined;
    this.entry = entry;
    this.#chunks = this.#stored = null;
    // The filer sends neither ETag nor Last-Modified with an entry, so a cached one cannot be revalidated.
    // An entry with chunk keys is not cached: a reader of the cache could decrypt the file.
    if (!found && ttl > 0 && !entry.includes('"cipher_key"') && this.#outbound.take()) {
      this.#waitUntil(this.#put(key, entry, ttl).catch(() => {}));
    }
    return new Response(entry, { headers: { "content-type": "application/json" } });
  }

  // Chunks are cached as stored: encrypted ones stay encrypted.
  async #fetchChunk(fileId: string, input: string, init?: RequestInit): Promise<Response> {
    const range = new Headers(init?.headers).get("range");
    return (await this.#foundChunk(fileId, range)) ?? this.#keptChunk(fileId, range, await this.#outbound.fetch(input, init));
  }

  async #foundChunk(fileId: string, range: string | null): Promise<Response | null> {
    const key = this.#chunkKey(fileId);
    const part = `${fileId} ${range ?? ""}`;
    if (this.#asked.has(part)) {
      if (this.#found.delete(fileId)) await this.#delete(key);
      return null;
    }
    this.#asked.add(part);
    const found = await this.#match(key, range);
    if (!found) return null;
    if (isWhole(found, range, this.#storedOf(fileId))) {
      this.#found.add(fileId);
      return found;
    }
    await found.body?.cancel();
    await this.#delete(key);
    return null;
  }

  #keptChunk(fileId: string, range: string | null, response: Response): Response {
    const { status, headers, body } = response;
    const length = Number(headers.get("content-length") ?? Infinity);
    const { least, md5 } = this.#storedOf(fileId);
    const mayBeKept = status === 200 && range === null && !headers.has("content-encoding") && length >= least && length <= LARGEST;
    const put = async (bytes: Uint8Array) => {
      if (this.#outbound.take()) await this.#put(this.#chunkKey(fileId), bytes, this.#settings.chunkTtl, headers);
    };
    // With `transit` the checksum of the server counts, and the core checks it.
    const crc = this.#settings.verify === "transit" ? (headers.get("etag") ?? "").replaceAll('"', "") : null;
    const kept = mayBeKept && body ? keep(body, { length, md5, crc }, put) : null;
    if (!kept) return response;
    this.#waitUntil(kept.done);
    return new Response(kept.body, { headers });
  }

  /** The chunks that the entry lists. */
  get chunks(): Listed[] {
    return (this.#chunks ??= chunksOf(this.entry));
  }

  #storedOf(fileId: string): Stored {
    this.#stored ??= storedChunks(this.chunks, this.entry);
    return this.#stored.get(fileId) ?? UNKNOWN;
  }

  // A cache that fails is one that has nothing: workerd alone has none.
  async #match(key: string, range: string | null = null): Promise<Response | undefined> {
    if (!this.#outbound.take()) return undefined;
    const request = new Request(key, { headers: range === null ? {} : { range } });
    return caches.open(NAME).then((cache) => cache.match(request)).catch(() => undefined);
  }

  async #put(key: string, body: BodyInit, ttl: number, from = new Headers()): Promise<void> {
    const cache = await caches.open(NAME);
    await cache.put(key, cached(body, ttl, from));
  }

  async #delete(key: string): Promise<void> {
    if (this.#outbound.take()) await caches.open(NAME).then((cache) => cache.delete(key)).catch(() => false);
  }
}

// The ETag of a chunk is the checksum that `VERIFY = "transit"` checks.
const KEPT = ["content-length", "etag"];

function cached(body: BodyInit, ttl: number, from: Headers): Response {
  const headers = new Headers({ "content-type": "application/octet-stream", "cache-control": `max-age=${ttl}` });
  for (const name of KEPT) if (from.has(name)) headers.set(name, from.get(name)!);
  return new Response(body, { headers });
}

/** Whether a response of the cache has the length of its chunk, or is the range that was asked for of such a chunk. */
function isWhole({ status, headers }: Response, range: string | null, { least }: Stored): boolean {
  if (range === null) return status === 200 && Number(headers.get("content-length")) >= least;
  const [, asked, length] = /^bytes (\d+-\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
  return status === 206 && range === `bytes=${asked}` && Number(length) >= least;
}

/** The body as text; `null` if it is longer than `most` bytes. */
async function textUpTo({ headers, body }: Response, most: number): Promise<string | null> {
  if (!body) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let length = Number(headers.get("content-length") ?? 0);
  for (let read = 0; ; ) {
    const { value, done } = length > most ? { value: undefined, done: true } : await reader.read();
    if (length > most) return reader.cancel().then(() => null);
    if (done) return text + decoder.decode();
    read += value.length;
    length = Math.max(length, read);
    text += decoder.decode(value, { stream: true });
  }
}
