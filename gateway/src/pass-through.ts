// Takes bodies of plain chunks from the servers past the core: relay.ts sends them to the client.
import type { RemoteFile } from "kelp-stream";
import { fileIdOf } from "./file-id";
import { LocatedChunks } from "./located";
import type { Fetch } from "./outbound";
import { isExactly, type View } from "./views";

interface Wanted {
  view: View;
  /** Ends the body after it was taken. */
  signal: AbortSignal;
  take: (response: Response) => void;
}

/**
 * A fetch from which responses can be taken before the core reads them.
 *
 * `take` makes the core open a stream of one view. The core finds the chunk and requests it with this fetch. If the response is
 * exactly the view, `fetch` gives it to `take` and leaves the core waiting; `take` then cancels the core's stream.
 */
export class PassThrough {
  #inner: Fetch;
  #located: LocatedChunks;
  /** By file id. */
  #wanted = new Map<string, Wanted>();

  /** `token` makes a token for a chunk; `null` if only the core can. */
  constructor(inner: Fetch, token: ((fileId: string) => Promise<string>) | null) {
    this.#inner = inner;
    this.#located = new LocatedChunks(inner, token);
  }

  readonly fetch: Fetch = async (input, init) => {
    const url = new URL(input);
    const fileId = fileIdOf(url) ?? "";
    const wanted = this.#wanted.get(fileId);
    if (!wanted) return this.#inner(input, init);
    // The core aborts its request after the response was taken. Its own signal would end the body then.
    const own = new AbortController();
    const abort = () => own.abort();
    init?.signal?.addEventListener("abort", abort);
    const response = await this.#inner(input, { ...init, signal: own.signal });
    const range = new Headers(init?.headers).get("range");
    if (this.#wanted.get(fileId) !== wanted || range !== wanted.view.range || !isExactly(response, wanted.view)) return response;
    this.#wanted.delete(fileId);
    init?.signal?.removeEventListener("abort", abort);
    wanted.signal.addEventListener("abort", abort);
    this.#located.note(url, fileId);
    wanted.take(response);
    // Any result would make the core request another replica, so it waits until its stream is cancelled.
    return new Promise(() => {});
  };

  /** A response whose body is exactly these bytes; `null` if there is none. */
  async take(file: RemoteFile, view: View, signal: AbortSignal): Promise<Response | null> {
    return (await this.#located.request(view, signal)) ?? this.#search(file, view, signal);
  }

  // The core finds the chunk, its replicas and tokens, and tries them until one responds.
  async #search(file: RemoteFile, view: View, signal: AbortSignal): Promise<Response | null> {
    const taken = new Promise<Response>((take) => this.#wanted.set(view.fileId, { view, signal, take }));
    const reader = file.stream({ start: view.start, end: view.end, signal }).getReader();
    // The core has bytes of a response that was not taken, or an error.
    const read = reader.read().then(() => null, () => null);
    const response = await Promise.race([taken, read]);
    this.#wanted.delete(view.fileId);
    await reader.cancel().catch(() => {});
    return response;
  }
}
