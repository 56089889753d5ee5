// Signs URLs for both gateways.
import { createHmac } from "node:crypto";

/** The secrets that sign URLs in these tests, by key id. */
export const KEYS = { one: "the-secret-of-these-tests-number-one", two: "the-secret-of-these-tests-number-two" };
export const URL_KEYS = Object.entries(KEYS).map((pair) => pair.join(":")).join(" ");

export const now = () => Math.floor(Date.now() / 1000);

/** A signed URL, made as a backend makes it: with Node's crypto, and not with the gateway's code. `as` is what the URL says instead. */
export function signed(origin, path, { key = "one", secret = KEYS[key], method = "GET", host = new URL(origin).host, issued = now(), expires = issued + 60, download = null, as = {} } = {}) {
  const text = ["kelp-url-1", key, method, host, path, issued, expires, download === null ? "" : `download=${download}`].join("\n");
  const signature = createHmac("sha256", secret).update(text).digest("base64url");
  const query = new URLSearchParams({ key, issued, expires, ...(download === null ? {} : { download }), signature, ...as });
  return `${origin}${path}?${query}`;
}
