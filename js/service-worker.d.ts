// The entry point `kelp-stream/service-worker`: files below a path of one's own origin, from within one's own service worker.
import type { openUrl, RemoteFile } from "./index.js";

/** What `open` gets of the first request for a file. */
export interface OpenContext {
  /** The request. Its signal ends with it, and the file may serve later requests: do not pass it on to the open function. */
  request: Request;
  /** The id of the page that sent the request, for `clients.get()`; empty for a navigation. */
  clientId: string;
  /** The whole URL, with its query. */
  url: URL;
}

export interface HandlerOptions {
  /** A path of this origin that begins and ends with `/`. All requests below it are answered. It must lie in the scope of the worker. */
  prefix: string;
  /**
   * Opens the file of a path: what follows the prefix, with a leading slash, percent-encoded as in the URL. The handler owns the file and
   * closes it. What it throws is the response: a `KelpError` as `problem()` makes it, anything else a 502 without details.
   */
  open(path: string, context: OpenContext): RemoteFile | Promise<RemoteFile>;
  /** How many files stay open between requests; default 16. A file that no request used for a minute is opened anew. */
  maxOpen?: number;
}

/** Answers requests with files: GET and HEAD, ranges and conditions as `RemoteFile.response()`, `?download` and `?download=<name>` as an attachment. */
export interface Handler {
  /** Whether a request is to this origin and below the prefix. */
  handles(request: Request): boolean;
  /** Answers the event if its request is below the prefix, and returns whether it is. */
  respond(event: FetchEventLike): boolean;
  /** The response to a request that the handler handles. When the request is aborted or the body is cancelled, all requests to servers are. */
  fetch(request: Request, clientId?: string): Promise<Response>;
  /** Closes all files; bodies that are being sent fail. The handler handles nothing any more. */
  close(): void;
}

/** A `FetchEvent`, as far as it is used: the type is not part of the DOM library. */
export interface FetchEventLike {
  readonly request: Request;
  readonly clientId: string;
  respondWith(response: Response | Promise<Response>): void;
  waitUntil(promise: Promise<unknown>): void;
}

/** In a service worker, while it starts: makes a handler of requests. @throws {TypeError | RangeError} for a wrong option */
export function createHandler(options: HandlerOptions): Handler;

/** What the worker reports of the body of one response. */
export interface Report {
  kind: "start" | "progress" | "end" | "cancel" | "error";
  /** The path, as `open` gets it. */
  path: string;
  /** The page that sent the request; empty for a navigation. */
  clientId: string;
  /** The same in all reports of one body, as long as the worker lives. */
  id: number;
  /** Bytes handed to the browser. */
  delivered: number;
  /** `Content-Length`; `null` if it is unknown. */
  length: number | null;
  /** Of an error: the code of the `KelpError`, or the name of another error. */
  code?: string;
  message?: string;
}

export interface RegisterOptions {
  /** As of `navigator.serviceWorker.register`. */
  scope?: string;
  /** Default "module". A browser without module service workers needs "classic", and a script that imports `service-worker.classic.js`. */
  type?: "module" | "classic";
  /** Called for bodies that the worker sends to any page: when they start, at most four times a second, and when they end. */
  onReport?(report: Report): void;
}

/** A registered worker. */
export interface Registered {
  readonly registration: ServiceWorkerRegistrationLike;
  /** Stops listening, and lets the browser end the worker when it wants to. */
  close(): void;
}

/** A `ServiceWorkerRegistration`, which is missing without the DOM library. */
export type ServiceWorkerRegistrationLike = typeof globalThis extends { ServiceWorkerRegistration: { prototype: infer R } } ? R : object;

/**
 * In a page: registers a service worker that calls `createHandler` while it starts. Resolves when the worker controls the page, after a
 * hard reload too. Keeps the worker alive as long as it sends something and the page is open: Firefox would cut a body after 30 seconds.
 */
export function register(script: string | URL, options?: RegisterOptions): Promise<Registered>;

// The types of the platform where there are any, as in index.d.ts.
type Request = NonNullable<Parameters<RemoteFile["response"]>[0]>;
type Response = Awaited<ReturnType<RemoteFile["response"]>>;
type URL = Exclude<Parameters<typeof openUrl>[0], string>;

export {};
