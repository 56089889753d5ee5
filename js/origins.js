// The option `origins`: requests go to listed origins only. The core checks the URL of each request; here the redirects are checked,
// which it does not see. A redirect that must not be followed is the response, and the core makes the error of it.
import { requestUrl } from "./check.js";

/** As many redirects as browsers follow. */
const MOST = 20;

/** The origins that the option lists; `undefined` if it is not given. */
export function originList(value) {
  if (value === undefined) return undefined;
  if (typeof value === "string" || typeof value?.[Symbol.iterator] !== "function") throw new TypeError("origins must be a list of URLs");
  return Array.from(value, (origin) => requestUrl(origin, "origins").origin);
}

/**
 * A `fetch` that follows no redirect to an origin that is not in `origins`. Node, Deno, Bun and workerd show where a redirect leads. A
 * page learns only that there is one: it follows those within its own origin, and no others.
 */
export function fetchWithin(origins, send = fetch) {
  const isAllowed = ({ origin, username, password }) => origins.includes(origin) && username + password === "";
  return async (input, init) => {
    let url = new URL(input);
    let request = { ...init, redirect: "manual" };
    for (let followed = 0; ; followed++) {
      // The platform may read a URL in another way than the core.
      if (!isAllowed(url)) throw new TypeError(`origins does not list ${url.origin}`);
      const response = await send(url.href, request);
      if (init?.redirect === "manual") return response;
      if (response?.type === "opaqueredirect" && response.status === 0) {
        const isHere = url.origin === globalThis.location?.origin;
        return isHere ? send(url.href, { ...request, redirect: "follow", mode: "same-origin" }) : new Response(null, { status: 302 });
      }
      const location = [301, 302, 303, 307, 308].includes(response?.status) ? response.headers.get("location") : null;
      const next = location === null ? null : parsed(location, url);
      if (next === null || !isAllowed(next)) return followed > 0 ? redirected(response) : response;
      response.body?.cancel().catch(() => {});
      if (followed === MOST) throw new TypeError(`the server redirected more than ${MOST} times`);
      if (url.protocol === "https:" && next.protocol === "http:") throw new TypeError("the server redirected from https to http");
      // The user's headers are for the first origin only.
      if (next.origin !== url.origin) request = { ...request, headers: rangeOnly(request.headers) };
      url = next;
    }
  };
}

function parsed(location, base) {
  try {
    return new URL(location, base);
  } catch {
    return null;
  }
}

function redirected(response) {
  try {
    return Object.defineProperty(response, "redirected", { value: true });
  } catch {
    return response;
  }
}

function rangeOnly(headers) {
  const range = new Headers(headers).get("range");
  return range === null ? {} : { range };
}
