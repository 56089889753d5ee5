// The only way out: to origins that were configured, and as often as the platform allows for one request of a client.
import type { Settings } from "./settings";
import { relayToken } from "./tokens";

/** The core's `fetch`, as far as it uses it. */
export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

// A volume server may send on to another, and that is all.
const MOST_REDIRECTS = 2;

/** What the core takes for an answer that no repeating changes. */
const no = () => new Response(null, { status: 403 });

export class Outbound {
  /** Subrequests so far; calls of the Cache API are counted as what they are for the platform. */
  used = 0;
  /** Whether some entry, lookup or redirect named an origin that is not configured. */
  wentAstray = false;
  /** Whether a request was wanted when none was left. */
  ranOut = false;
  #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get left(): number {
    return this.#settings.subrequests - this.used;
  }

  /** Counts one more; says whether there was one. */
  take(): boolean {
    if (this.left <= 0) this.ranOut = true;
    else this.used++;
    return !this.ranOut;
  }

  /** As the platform's, but for what may not be asked: that is answered here. Redirects are followed only where they may lead. */
  readonly fetch: Fetch = async (input, { headers = {}, signal = null } = {}) => {
    let url = await this.#opened(new URL(input));
    for (let hops = 0; ; hops++) {
      if (!this.#mayAsk(url)) {
        this.wentAstray = true;
        console.warn(`an origin that is not in ALLOWED_ORIGINS was named: ${url.origin}`);
        return no();
      }
      if (!this.take()) return no();
      const response = await fetch(url, { headers, signal, redirect: "manual" });
      const target = response.headers.get("location");
      if (target === null || ![301, 302, 303, 307, 308].includes(response.status)) return response;
      await response.body?.cancel();
      // A token is for one server; what it answers may be for another to see.
      if (hops === MOST_REDIRECTS || url.searchParams.has("jwt")) throw new TypeError("a server sends on to another");
      url = new URL(target, url);
    }
  };

  // What the core shows for a chunk that the filer relays is for the file's path, and SeaweedFS 4.48 wants one for its root.
  async #opened(url: URL): Promise<URL> {
    const { filer, filerSecret } = this.#settings;
    if (filerSecret && url.origin === filer.origin && url.searchParams.has("proxyChunkId")) url.searchParams.set("jwt", await relayToken(filerSecret));
    return url;
  }

  #mayAsk({ origin, username, password }: URL): boolean {
    return this.#settings.origins.has(origin) && !username && !password;
  }
}
