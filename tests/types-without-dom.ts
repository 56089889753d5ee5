// A user's program without the types of a platform: it must compile, and the types that are of the language alone must be right.
import { KelpError, openManifest, openUrl, Pool, problem, type RemoteFile, type ResponseOptions } from "kelp-stream";
import { createHandler } from "kelp-stream/service-worker";

export const handles = (request: object): boolean => createHandler({ prefix: "/", open: () => openUrl("https://example.org/") }).handles(request);

const asked: ResponseOptions = { disposition: "attachment", name: "a.bin" };

export async function read(): Promise<ArrayBuffer> {
  const pool = new Pool({ workers: 0 });
  const file: RemoteFile = await openUrl("https://example.org/file", { pool, headers: { "x-api-key": "1" }, fetch: async () => ({}) });
  const bytes: Uint8Array<ArrayBuffer> = await file.bytes({ end: 10 });
  const stream: ReadableStream<Uint8Array<ArrayBuffer>> = file.stream();
  const response: object = await file.response(undefined, asked);
  file[Symbol.dispose]();
  return stream === response ? file.arrayBuffer() : bytes.buffer;
}

export const failed = (error: unknown): object | string => (error instanceof KelpError ? problem(error) : "not ours");

// @ts-expect-error neither a string nor a URL
openUrl(5);
// @ts-expect-error a manifest has chunks
openManifest({ size: 1 });
