// The worker: answers GET and HEAD of a path with the file of a SeaweedFS at that path, decrypted and assembled at the edge.
import { Download } from "./download";
import { filePath, isAllowed } from "./path";
import { problem } from "./problem";
import { type Env, Misconfigured, type Settings, settingsFrom } from "./settings";
import { isSigned } from "./signature";

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    try {
      return await answer(request, settingsFrom(env), context);
    } catch (error) {
      if (request.signal.aborted) return new Response(null, { status: 499 });
      console.error(error instanceof Misconfigured ? `misconfigured: ${error.message}` : error);
      return problem(500, "Internal Server Error", "the gateway cannot answer; its log says why");
    }
  },
};

async function answer(request: Request, settings: Settings, context: ExecutionContext): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") return problem(405, "Method Not Allowed", "the gateway serves GET and HEAD only", {}, { allow: "GET, HEAD" });
  const url = new URL(request.url);
  const path = filePath(url);
  // A path that is not allowed is answered like one that does not exist.
  if (!path || !isAllowed(path, settings.prefixes)) return problem(404, "Not Found", "there is no such file");
  if (settings.urlSecret && !(await isSigned(url, path, settings.urlSecret))) {
    return problem(403, "Forbidden", "the URL has no valid signature, or it has expired");
  }
  const download = new Download(request, path, settings, context);
  const first = await download.answer();
  // The cached entry may name chunks that were deleted when the file was overwritten.
  return first.status === 404 && (await download.renew()) ? download.answer() : first;
}
