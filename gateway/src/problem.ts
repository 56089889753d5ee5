// Errors as clients see them: RFC 9457, without anything about the servers behind the gateway.
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

// A directory is `unsupported`, and the client asked for a file: 404.
const STATUSES: Record<string, [number, string]> = { not_found: [404, "Not Found"], unsupported: [404, "Not Found"], unauthorized: [403, "Forbidden"] };

// Messages of errors name servers and URLs.
const DETAILS: Record<string, string> = {
  not_found: "there is no such file",
  unsupported: "this is not a file that can be read here",
  unauthorized: "the servers of the file refuse the gateway",
};

/** The answer for a file that could not be opened. */
export function openingFailed({ code, retryable }: KelpError): Response {
  const [status, title] = STATUSES[code] ?? [502, "Bad Gateway"];
  return problem(status, title, DETAILS[code] ?? "the file cannot be opened", { code, retryable });
}
