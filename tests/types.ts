// A user's program: it only has to compile. What must not compile stands under `@ts-expect-error`.
import { init, KelpError, version } from "kelp-stream";

export async function start(): Promise<string> {
  await init();
  await init(new URL("https://example.org/kelp_stream_bg.wasm"));
  await init(fetch("/kelp_stream_bg.wasm"));
  return version();
}

export function explain(error: unknown): string {
  if (!(error instanceof KelpError)) return "not ours";
  const hosts: string[] = error.attempts.map((attempt) => attempt.host);
  return `${error.code} at ${error.offset ?? 0}, after ${hosts.join(", ")}${error.retryable ? ", try again" : ""}`;
}

// @ts-expect-error the version is asked for without arguments
version(1);
