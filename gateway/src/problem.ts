// Refusals and failures as their clients see them: RFC 9457, and nothing of what is behind the gateway.
import { KelpError } from "kelp-stream";

export interface Details {
  code?: string;
  [member: string]: unknown;
}

export function problem(status: number, title: string, detail: string, members: Details = {}, headers: HeadersInit = {}): Response {
  const all = new Headers(headers);
  all.set("content-type", "application/problem+json");
  all.set("cache-control", "no-store");
  all.set("x-content-type-options", "nosniff");
  return new Response(JSON.stringify({ type: "about:blank", title, status, detail, ...members }), { status, headers: all });
}

// A directory is `unsupported`: there is no file at its path.
const STATUSES: Record<string, [number, string]> = { not_found: [404, "Not Found"], unsupported: [404, "Not Found"], unauthorized: [403, "Forbidden"] };

/** A file that could not be opened. */
export function openingFailed({ code, retryable, message }: KelpError): Response {
  const [status, title] = STATUSES[code] ?? [502, "Bad Gateway"];
  return problem(status, title, message, { code, retryable });
}
