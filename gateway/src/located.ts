// Where the core found chunks. Further chunks of the same volume are requested there directly: asking the core takes as much CPU as
// passing half a mebibyte on.
import type { Fetch } from "./outbound";
import { isExactly, type View } from "./views";

/** Milliseconds until the headers of a response must be there. After that the core requests the chunk, with its own timeouts and replicas. */
const HEADERS_TIMEOUT = 2000;

/** Key of a filer that relays the chunks of all volumes. */
const ANY_VOLUME = "";

export class LocatedChunks {
  #fetch: Fetch;
  #token: ((fileId: string) => Promise<string>) | null;
  /** By volume. */
  #origins = new Map<string, { origin: string; hasToken: boolean }>();

  constructor(fetch: Fetch, token: ((fileId: string) => Promise<string>) | null) {
    this.#fetch = fetch;
    this.#token = token;
  }

  /** Notes that a chunk was found at a URL. */
  note({ origin, searchParams }: URL, fileId: string): void {
    const isRelayed = searchParams.has("proxyChunkId");
    // `Outbound` adds the filer's token.
    const hasToken = searchParams.has("jwt") && !isRelayed;
    if (hasToken && !this.#token) return;
    this.#origins.set(isRelayed ? ANY_VOLUME : volumeOf(fileId), { origin, hasToken });
  }

  /** Requests a view where its volume was found. `null` if the volume was not found yet, or the response is not exactly the view. */
  async request(view: View, signal: AbortSignal): Promise<Response | null> {
    const volume = this.#origins.has(ANY_VOLUME) ? ANY_VOLUME : volumeOf(view.fileId);
    const place = this.#origins.get(volume);
    if (!place) return null;
    const own = new AbortController();
    const abort = () => own.abort();
    signal.addEventListener("abort", abort);
    const late = setTimeout(abort, HEADERS_TIMEOUT);
    try {
      const url = new URL(volume === ANY_VOLUME ? `?proxyChunkId=${encodeURIComponent(view.fileId)}` : view.fileId, place.origin);
      if (place.hasToken && this.#token) url.searchParams.set("jwt", await this.#token(view.fileId));
      const response = await this.#fetch(url.href, { headers: view.range ? { range: view.range } : {}, signal: own.signal });
      if (isExactly(response, view)) return response;
      await response.body?.cancel();
    } catch {
      // The core requests it again, and reports the error.
    } finally {
      clearTimeout(late);
    }
    this.#origins.delete(volume);
    return null;
  }
}

const volumeOf = (fileId: string) => fileId.slice(0, fileId.indexOf(","));
