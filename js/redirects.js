// Redirects that are not left to the platform. It sends the user's headers on to wherever a redirect leads, except for `Authorization`
// and `Cookie`, and it does not know the option `origins`. The rules are those of src/http/redirect.rs.
//
// Node, Deno, Bun and workerd show a redirect, which is followed here. A page learns only that there is one. If the request goes to the
// page's own origin, it is sent again in mode "same-origin", in which the browser follows a redirect within the origin and refuses any
// other before it sends anything. Otherwise it is not followed: without the headers the server might send a login page as the file.

/** As many redirects as browsers follow. */
const MOST = 20;

/** Where the redirects led that were followed here. */
const targets = new WeakMap();

/**
 * Sends a request with `own`, the user's headers, to their origin, and follows its redirects. After one to another origin the headers
 * are sent no more, even if a later one leads back. With `redirect: "manual"` none is followed. `send`: the user's `fetch`, if any.
 */
export const sendHome = (send, url, init, own) => follow(send, url, init, own);

/**
 * A `fetch` that follows no redirect to an origin that is not in `origins`, nor to anything but an origin. Such a redirect is the
 * response, and the core makes the error of it. `own`: the user's headers, which go to the origin `home`.
 */
export const fetchWithin = (origins, send, home, own) => (url, init) =>
  follow(send, url, init, own.length > 0 && new URL(url).origin === home ? own : undefined, origins);

async function follow(send, url, init, own, origins) {
  const fetch = send ?? globalThis.fetch.bind(globalThis);
  const { origin: home } = new URL(url);
  // The platform may read a URL in another way than the core.
  if (origins?.includes(home) === false) throw new TypeError(`origins does not list ${home}`);
  let isHome = true;
  for (let followed = 0; ; followed++) {
    const headers = new Headers(isHome ? own : undefined);
    for (const [name, value] of init.headers) headers.set(name, value);
    const request = { ...init, headers, redirect: "manual" };
    const response = await fetch(url, request);
    if (init.redirect === "manual") return response;
    if (response?.type === "opaqueredirect" && response.status === 0) {
      if (isHome && home === globalThis.location?.origin) return fetch(url, { ...request, redirect: "follow", mode: "same-origin" });
      if (origins) return new Response(null, { status: 302 });
      throw new TypeError("the server redirected a request with headers, and a page cannot see whether to another origin");
    }
    const location = locationOf(response);
    const next = location === null ? null : parsed(location, url);
    if (location === null || (origins && !(isPlain(next) && origins.includes(next.origin)))) {
      if (followed > 0) targets.set(response, url);
      return response;
    }
    if (!isPlain(next)) throw new TypeError("the server redirected to something other than an http or https URL");
    if (url.startsWith("https:") && next.protocol === "http:") throw new TypeError("the server redirected from https to http");
    discardBody(response);
    if (followed === MOST) throw new TypeError(`the server redirected more than ${MOST} times`);
    isHome &&= next.origin === home;
    url = next.href;
  }
}

// Otherwise the connection stays open until the response is collected.
function discardBody(response) {
  Promise.resolve(response.body?.cancel()).catch(() => {});
}

/** The `Location` of a redirect; `null` if the response is none. */
function locationOf(response) {
  return [301, 302, 303, 307, 308].includes(response?.status) ? response.headers.get("location") : null;
}

/** The URL without a fragment; `null` if it is none. The platform's error would hold the location. */
function parsed(location, base) {
  try {
    const url = new URL(location, base);
    url.hash = "";
    return url;
  } catch {
    return null;
  }
}

const isPlain = (url) => /^https?:$/.test(url?.protocol) && url.username + url.password === "";

/** Where a redirect led, if one was followed. The response of a user's `fetch` may be anything. */
export function redirectTarget(response) {
  const url = targets.get(response) ?? (response.redirected ? response.url : undefined);
  return typeof url === "string" ? url : undefined;
}
