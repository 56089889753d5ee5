// The worker: answers GET and HEAD of a path with the file of a SeaweedFS at that path, decrypted and assembled at the edge.
import { Audit } from "./audit";
import { METHODS, preflight, withCors } from "./cors";
import { Download } from "./download";
import { filePath, isAllowed } from "./path";
import { problem } from "./problem";
import { type Env, Misconfigured, type Settings, settingsFrom } from "./settings";
import { type Grant, grantOf } from "./signature";

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    let settings: Settings | null = null;
    let audit: Audit | null = null;
    let response: Response;
    try {
      settings = settingsFrom(env);
      const url = new URL(request.url);
      audit = new Audit(request, url, settings.audit);
      response = await answer(request, url, settings, audit, context);
    } catch (error) {
      response = failed(error, request.signal);
    }
    // A download writes its line when its body has ended.
    if (!response.body || response.status >= 400) audit?.end(response.status, 0);
    return withCors(response, settings?.cors ?? null);
  },
};

function failed(error: unknown, { aborted }: AbortSignal): Response {
  if (aborted) return new Response(null, { status: 499 });
  console.error(error instanceof Misconfigured ? `misconfigured: ${error.message}` : error);
  return problem(500, "Internal Server Error", "the gateway cannot answer; its log says why");
}

async function answer(request: Request, url: URL, settings: Settings, audit: Audit, context: ExecutionContext): Promise<Response> {
  const { method } = request;
  if (settings.hosts && !settings.hosts.has(url.host)) return problem(421, "Misdirected Request", "the gateway does not serve this host");
  if (method === "OPTIONS") return preflight(settings.cors !== null);
  if (method !== "GET" && method !== "HEAD") return problem(405, "Method Not Allowed", "the gateway serves GET and HEAD only", {}, { allow: METHODS });
  const path = filePath(url);
  // A path that is not allowed is answered like one that does not exist.
  if (!path || !isAllowed(path, settings.prefixes)) return problem(404, "Not Found", "there is no such file");
  let grant: Grant | null = null;
  if (settings.isSigned) {
    grant = await grantOf(method, url, path, settings);
    if (!grant) return problem(403, "Forbidden", "the URL has no valid signature, or it has expired");
    audit.key = grant.key;
  }
  const download = new Download({ request, path, grant, name: url.searchParams.get("download") }, settings, audit, context);
  const first = await download.answer();
  // The cached entry may name chunks that were deleted when the file was overwritten.
  return first.status === 404 && (await download.renew()) ? download.answer() : first;
}
