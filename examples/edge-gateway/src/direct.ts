// Bodies of plain chunks, taken out of the core's hands as they come from the server: no script sees their bytes.
import type { RemoteFile } from "kelp-stream";
import { fileIdOf } from "./chunk-url";
import type { Fetch } from "./outbound";
import type { View } from "./views";

interface Wanted {
  length: number;
  /** Ends the body, once it is taken. */
  signal: AbortSignal;
  take: (response: Response) => void;
}

/** A fetch out of which answers can be taken before the core reads them. */
export class HandThrough {
  #inner: Fetch;
  /** By the chunks that they are of. */
  #wanted = new Map<string, Wanted>();

  constructor(inner: Fetch) {
    this.#inner = inner;
  }

  readonly fetch: Fetch = async (input, init) => {
    const fileId = fileIdOf(new URL(input)) ?? "";
    const wanted = this.#wanted.get(fileId);
    if (!wanted) return this.#inner(input, init);
    // Once it is taken, the core gives up the request, and is not to end the body with it.
    const own = new AbortController();
    const abort = () => own.abort();
    init?.signal?.addEventListener("abort", abort);
    const response = await this.#inner(input, { ...init, signal: own.signal });
    const range = new Headers(init?.headers).get("range");
    if (this.#wanted.get(fileId) !== wanted || !isExactly(response, range, wanted.length)) return response;
    this.#wanted.delete(fileId);
    init?.signal?.removeEventListener("abort", abort);
    wanted.signal.addEventListener("abort", abort);
    wanted.take(response);
    // Whatever the core was told, it would ask another replica. It waits, until it is told that nobody reads.
    return new Promise(() => {});
  };

  /**
   * The answer of a server whose body is exactly these bytes; `null` where there is none. The core finds the chunk, its
   * replicas and tokens, and tries them until one answers.
   */
  async take(file: RemoteFile, { fileId, start, end }: View, signal: AbortSignal): Promise<Response | null> {
    const taken = new Promise<Response>((take) => this.#wanted.set(fileId, { length: end - start, signal, take }));
    const reader = file.stream({ start, end, signal }).getReader();
    // It has something else to say: other bytes than these, or why there are none.
    const read = reader.read().then(() => null, () => null);
    const response = await Promise.race([taken, read]);
    this.#wanted.delete(fileId);
    await reader.cancel().catch(() => {});
    return response;
  }
}

function isExactly({ status, headers, body }: Response, asked: string | null, length: number): boolean {
  if (!body || headers.has("content-encoding") || headers.get("content-length") !== String(length)) return false;
  if (asked === null) return status === 200;
  return status === 206 && (headers.get("content-range") ?? "").startsWith(`${asked.replace("bytes=", "bytes ")}/`);
}
