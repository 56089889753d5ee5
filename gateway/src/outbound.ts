// All requests that the gateway makes: only to configured origins, and only as many as the platform allows per client request.
import type { Settings } from "./settings";
import { relayToken } from "./tokens";

/** The part of `fetch` that the core uses. */
export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

// A volume server may redirect to another, which may redirect once more.
const MOST_REDIRECTS = 2;

/** A response that the core does not retry. */
const refusal = () => new Response(null, { status: 403 });

export class Outbound {
  /** Subrequests made so far. Calls of the Cache API count, as they do for the platform. */
  used = 0;
  /** Whether an entry, a lookup or a redirect named an origin that is not configured. */
  wasMisdirected = false;
  /** Whether a request was refused because no subrequest was left. */
  ranOut = false;
  #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get left(): number {
    return this.#settings.subrequests - this.used;
  }

  /** Counts one subrequest; returns whether one was left. */
  take(): boolean {
    if (this.left <= 0) this.ranOut = true;
    else this.used++;
    return !this.ranOut;
  }

  /** The platform's fetch. A request that is not allowed is answered with `refusal`, and so is a redirect to such an origin. */
  readonly fetch: Fetch = async (input, { headers = {}, signal = null } = {}) => {
    let url = await this.#withRelayToken(new URL(input));
    for (let hops = 0; ; hops++) {
      if (!this.#isAllowed(url)) {
        this.wasMisdirected = true;
        console.warn(`refused a request to ${url.origin}: it is not in ALLOWED_ORIGINS`);
        return refusal();
      }
      if (!this.take()) return refusal();
      const response = await fetch(url, { headers, signal, redirect: "manual" });
      const target = response.headers.get("location");
      if (target === null || ![301, 302, 303, 307, 308].includes(response.status)) return response;
      await response.body?.cancel();
      // A token must not reach another server than the one it was made for.
      if (hops === MOST_REDIRECTS || url.searchParams.has("jwt")) throw new TypeError(`${url.host} redirects a request with a token, or redirects more than ${MOST_REDIRECTS} times`);
      url = new URL(target, url);
    }
  };

  // The core sends the token of the file's path for a chunk that the filer relays. SeaweedFS 4.48 requires one for the root there.
  async #withRelayToken(url: URL): Promise<URL> {
    const { filer, filerSecret } = this.#settings;
    if (filerSecret && url.origin === filer.origin && url.searchParams.has("proxyChunkId")) url.searchParams.set("jwt", await relayToken(filerSecret));
    return url;
  }

  #isAllowed({ origin, username, password }: URL): boolean {
    return this.#settings.origins.has(origin) && !username && !password;
  }
}
