// The body of one plain chunk, handed from the server to the client as it is: the runtime moves the bytes, no script sees them.
import type { RemoteFile } from "kelp-stream";
import type { Extent } from "./budget";
import type { Fetch } from "./outbound";

/** What makes the stored bytes of a chunk others than those of the file. */
const DECODED = /"cipher_key"|"is_compressed"|"is_chunk_manifest"|sse[-_]|server-side-encryption/i;

/** A fetch out of which an answer can be taken before the core reads it. */
export class HandThrough {
  #inner: Fetch;
  #take: ((response: Response) => void) | null = null;
  #wanted = 0;

  constructor(inner: Fetch) {
    this.#inner = inner;
  }

  readonly fetch: Fetch = async (input, init) => {
    const take = this.#take;
    if (!take) return this.#inner(input, init);
    // Once it is taken, the core gives up the request, and is not to end the body with it.
    const own = new AbortController();
    const abort = () => own.abort();
    init?.signal?.addEventListener("abort", abort);
    const response = await this.#inner(input, { ...init, signal: own.signal });
    if (!isExactly(response, new Headers(init?.headers).get("range"), this.#wanted)) return response;
    init?.signal?.removeEventListener("abort", abort);
    this.#take = null;
    take(response);
    return new Response(null, { status: 403 });
  };

  /**
   * The answer of a server whose body is exactly these bytes; `null` where there is none, as where they are in several
   * chunks or have to be decoded. The core finds the chunk, its replicas and tokens, and tries them until one answers.
   */
  async take(file: RemoteFile, entry: string, { start, end }: Extent): Promise<Response | null> {
    const { views, requests, gaps, manifests } = file.plan({ start, end });
    if (views !== 1 || requests !== 1 || gaps > 0 || manifests > 0 || DECODED.test(entry)) return null;
    this.#wanted = end - start;
    const taken = new Promise<Response>((resolve) => (this.#take = resolve));
    const reader = file.stream({ start, end }).getReader();
    // Ends in an error once the answer is taken; before that, the core has something else to say.
    const read = reader.read().then(() => null, () => null);
    const response = await Promise.race([taken, read]);
    this.#take = null;
    await reader.cancel().catch(() => {});
    return response;
  }
}

function isExactly({ status, headers, body }: Response, asked: string | null, length: number): boolean {
  if (!body || headers.has("content-encoding") || headers.get("content-length") !== String(length)) return false;
  if (asked === null) return status === 200;
  return status === 206 && (headers.get("content-range") ?? "").startsWith(`${asked.replace("bytes=", "bytes ")}/`);
}
