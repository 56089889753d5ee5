// Where the core found chunks. What lies in the same place is asked for there at once: setting the core to it takes as much
// CPU as handing half a mebibyte on.
import { isExactly } from "./chunk";
import type { Fetch } from "./outbound";
import type { View } from "./views";

/** Milliseconds for an answer to begin. The core then asks again, and others. */
const SOON = 2000;

/** The volume of a filer that relays them all. */
const ANY = "";

export class Found {
  #fetch: Fetch;
  #token: ((fileId: string) => Promise<string>) | null;
  /** Origins by volume. */
  #origins = new Map<string, { origin: string; hasToken: boolean }>();

  constructor(fetch: Fetch, token: ((fileId: string) => Promise<string>) | null) {
    this.#fetch = fetch;
    this.#token = token;
  }

  /** A chunk was found at a URL. */
  note({ origin, searchParams }: URL, fileId: string): void {
    const isRelayed = searchParams.has("proxyChunkId");
    // What the filer wants to see is put there on the way out.
    const hasToken = searchParams.has("jwt") && !isRelayed;
    if (hasToken && !this.#token) return;
    this.#origins.set(isRelayed ? ANY : volumeOf(fileId), { origin, hasToken });
  }

  /** Asks for a view where others of its volume were; `null` where there were none, or it is not to be had like this. */
  async ask(view: View, signal: AbortSignal): Promise<Response | null> {
    const volume = this.#origins.has(ANY) ? ANY : volumeOf(view.fileId);
    const place = this.#origins.get(volume);
    if (!place) return null;
    const own = new AbortController();
    const abort = () => own.abort();
    signal.addEventListener("abort", abort);
    const late = setTimeout(abort, SOON);
    try {
      const url = new URL(volume === ANY ? `?proxyChunkId=${encodeURIComponent(view.fileId)}` : view.fileId, place.origin);
      if (place.hasToken && this.#token) url.searchParams.set("jwt", await this.#token(view.fileId));
      const response = await this.#fetch(url.href, { headers: view.range ? { range: view.range } : {}, signal: own.signal });
      if (isExactly(response, view)) return response;
      await response.body?.cancel();
    } catch {
      // The core will say why.
    } finally {
      clearTimeout(late);
    }
    this.#origins.delete(volume);
    return null;
  }
}

const volumeOf = (fileId: string) => fileId.slice(0, fileId.indexOf(","));
