// Bodies of plain chunks, handed on as they come from the servers: no script sees their bytes.
import type { RemoteFile } from "kelp-stream";
import { fileIdOf, isExactly } from "./chunk";
import { Found } from "./found";
import type { Fetch } from "./outbound";
import type { View } from "./views";

interface Wanted {
  view: View;
  /** Ends the body, once it is taken. */
  signal: AbortSignal;
  take: (response: Response) => void;
}

/** A fetch out of which answers can be taken before the core reads them. */
export class HandThrough {
  #inner: Fetch;
  #found: Found;
  /** By the chunks that they are of. */
  #wanted = new Map<string, Wanted>();

  /** `token` opens a chunk where its server wants one; `null` where only the core can ask for it. */
  constructor(inner: Fetch, token: ((fileId: string) => Promise<string>) | null) {
    this.#inner = inner;
    this.#found = new Found(inner, token);
  }

  readonly fetch: Fetch = async (input, init) => {
    const url = new URL(input);
    const fileId = fileIdOf(url) ?? "";
    const wanted = this.#wanted.get(fileId);
    if (!wanted) return this.#inner(input, init);
    // Once it is taken, the core gives up the request, and is not to end the body with it.
    const own = new AbortController();
    const abort = () => own.abort();
    init?.signal?.addEventListener("abort", abort);
    const response = await this.#inner(input, { ...init, signal: own.signal });
    const range = new Headers(init?.headers).get("range");
    if (this.#wanted.get(fileId) !== wanted || range !== wanted.view.range || !isExactly(response, wanted.view)) return response;
    this.#wanted.delete(fileId);
    init?.signal?.removeEventListener("abort", abort);
    wanted.signal.addEventListener("abort", abort);
    this.#found.note(url, fileId);
    wanted.take(response);
    // Whatever the core was told, it would ask another replica. It waits, until it is told that nobody reads.
    return new Promise(() => {});
  };

  /** The answer of a server whose body is exactly these bytes; `null` where there is none. */
  async take(file: RemoteFile, view: View, signal: AbortSignal): Promise<Response | null> {
    return (await this.#found.ask(view, signal)) ?? this.#search(file, view, signal);
  }

  // The core finds the chunk, its replicas and tokens, and tries them until one answers.
  async #search(file: RemoteFile, view: View, signal: AbortSignal): Promise<Response | null> {
    const taken = new Promise<Response>((take) => this.#wanted.set(view.fileId, { view, signal, take }));
    const reader = file.stream({ start: view.start, end: view.end, signal }).getReader();
    // It has something else to say: other bytes than these, or why there are none.
    const read = reader.read().then(() => null, () => null);
    const response = await Promise.race([taken, read]);
    this.#wanted.delete(view.fileId);
    await reader.cancel().catch(() => {});
    return response;
  }
}
