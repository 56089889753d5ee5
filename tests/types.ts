// A user's program that must compile. Lines after `@ts-expect-error` must not.
import {
  init,
  KelpError,
  openEntry,
  openFiler,
  openManifest,
  openUrl,
  Pool,
  problem,
  version,
  type FilerOptions,
  type Location,
  type Manifest,
  type PlanSummary,
  type Progress,
  type RemoteFile,
  type Stats,
  type StreamEvent,
} from "kelp-stream";
import { save as saveFile, type Saved } from "kelp-stream/save";
import { createHandler, register, type FetchEventLike, type Registered, type Report } from "kelp-stream/service-worker";

export async function start(): Promise<string> {
  await init();
  await init(new URL("https://example.org/kelp_stream_bg.wasm"));
  await init(fetch("/kelp_stream_bg.wasm"));
  return version();
}

export function explain(error: unknown): string {
  if (!(error instanceof KelpError)) return "not ours";
  const hosts: string[] = error.attempts.map((attempt) => attempt.host);
  if (error.code === "not_found") return `no ${error.chunk}`;
  return `${error.code} at ${error.offset ?? 0}, after ${hosts.join(", ")}${error.retryable ? ", try again" : ""}`;
}

export const respond = (file: RemoteFile): Promise<Response> => file.response().catch((error: unknown) => problem(error));

export async function save(url: URL, sink: WritableStream<Uint8Array>, signal: AbortSignal): Promise<Stats> {
  const pool = new Pool({ maxBytes: 64 * 2 ** 20, maxCacheBytes: 2 ** 20, perHost: 6, workers: 2 });
  const file = await openFiler(url, { signal, pool, concurrency: "auto", verify: "strict", holes: "error" });
  const plan: PlanSummary = file.plan({ start: 0 });
  if (plan.gaps > 0) throw new Error("a sparse file");
  await file.stream({ start: 0, end: file.size, signal }).pipeTo(sink);
  if (pool.cachedBytes > 2 ** 20 || file.stats.cacheHits > 0) throw new Error("each chunk is read once");
  pool.close();
  return file.stats;
}

export async function every(file: RemoteFile): Promise<void> {
  const parts: [Uint8Array<ArrayBuffer>, ArrayBuffer, Blob, string, Response] = [
    await file.bytes({ end: 10 }),
    await file.arrayBuffer(),
    await file.blob(),
    await file.text({ start: 5 }),
    await file.response(new Request("https://example.org/", { headers: { range: "bytes=0-9" } }), { disposition: "attachment", name: "a" }),
  ];
  // Only bytes that share no memory are taken by these.
  new Blob([parts[0]]);
  await crypto.subtle.digest("SHA-256", parts[0]);
  const { size, name, type, etag, lastModified }: RemoteFile = file;
  console.log(parts, size, name, type, etag?.length, lastModified ?? 0, file.stats.waits.network, file.stats.workers.toFixed());
  file.close();
}

const options: FilerOptions = {
  fetch,
  headers: { "x-api-key": "1" },
  locate: async (fileId, { signal, refresh }): Promise<Location> => {
    const answer = await fetch(`/lookup?id=${fileId}&fresh=${refresh}`, { signal });
    return answer.json();
  },
  token: (fileId, origin) => `${fileId}@${origin}`,
  filerToken: async () => "secret",
  sse: { customerKey: new Uint8Array(32), kek: "00".repeat(32) },
  retry: { passes: 2 },
  workers: "auto",
  decoder: "wasm",
  timeout: { headers: 1000, idle: 5000 },
  onProgress: ({ delivered, received, total }: Progress) => console.log(delivered, received, total),
  onEvent: (event: StreamEvent) => console.log(event.at, event.kind, event.chunk, event.host, event.bytes),
};

const byMaster: FilerOptions = { locate: { master: new URL("http://127.0.0.1:9333") } };

const manifest: Manifest = {
  size: 10,
  chunks: [{ urls: ["https://a.example/1"], offset: 0, size: 10, key: new Uint8Array(32), compression: "gzip", modified: 1n }],
};

export const opened: Promise<RemoteFile>[] = [
  openFiler("https://filer.example/file", options),
  openEntry("{}", byMaster),
  openEntry("{}", { ...options, filer: "https://filer.example" }),
  openManifest(manifest, { maxBytesAhead: 2 ** 20 }),
  openUrl("https://example.org/file", { size: 10, chunkSize: 4, name: "file", type: "text/plain" }),
];

// @ts-expect-error version takes no argument
version(1);
// @ts-expect-error not one of the words
openFiler("https://filer.example/file", { verify: "maybe" });
// @ts-expect-error not one of the words
openFiler("https://filer.example/file", { workers: "many" });
// @ts-expect-error a manifest has chunks
openManifest({ size: 1 });
// @ts-expect-error not one of the words
export const wrong = async (file: RemoteFile) => file.response(undefined, { disposition: "save" });
// @ts-expect-error a stream of bytes is not one of texts
export const texts = (file: RemoteFile): ReadableStream<string> => file.stream();
// @ts-expect-error a signal is an AbortSignal
openFiler("https://filer.example/file", { signal: new URL("https://filer.example") });
// @ts-expect-error the constructor is private
new KelpError("network", "");

const handler = createHandler({ prefix: "/kelp/", open: (path, { clientId, url }) => openFiler(`https://filer.example${path}?${clientId}${url.search}`), maxOpen: 4 });

export async function answer(event: FetchEventLike): Promise<boolean> {
  const response: Response = await handler.fetch(event.request, event.clientId);
  handler.close();
  // @ts-expect-error a handler needs a function that opens files
  createHandler({ prefix: "/kelp/" });
  return handler.handles(event.request) || handler.respond(event) || response.ok;
}

export async function control(): Promise<string> {
  const seen = (report: Report) => console.log(report.path, report.kind, report.delivered, report.length ?? 0, report.code ?? "");
  const registered: Registered = await register("/sw.js", { type: "classic", scope: "/", onReport: seen });
  registered.close();
  return registered.registration.scope;
}

export async function keep(file: RemoteFile, handle: FileSystemFileHandle, stream: WritableStream<Uint8Array<ArrayBuffer>>): Promise<number> {
  await saveFile(file, { to: handle });
  await saveFile(file, { to: stream, onProgress: ({ delivered, total }) => console.log(delivered, total) });
  // @ts-expect-error there is no such way
  await saveFile(file, { how: "magic" });
  const { how, bytes, resumedAt }: Saved = await saveFile(file, { name: "a.bin", how: "opfs", resume: true, signal: new AbortController().signal, serviceWorker: { url: "/kelp/a.bin" } });
  return how === "opfs" ? bytes - resumedAt : 0;
}
