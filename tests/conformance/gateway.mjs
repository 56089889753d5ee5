// A gateway as a reader: reads are HTTP requests with ranges.
import { sha256 } from "../store/index.mjs";

const PREFLIGHT = "a gateway allows OPTIONS too: it answers preflight requests";

const OWN = {
  "headers stored with a file are sent": "the gateway sets Cache-Control itself",
  "POST is not allowed": PREFLIGHT, "PUT is not allowed": PREFLIGHT, "DELETE is not allowed": PREFLIGHT,
};

/** Why a gateway differs on purpose in a case, if it does. Its own tests have what it does. */
export const ownOfGateway = ({ name }) => OWN[name];

/** Why a case does not apply to a gateway; `undefined` if it does. */
export function notInGateway(testCase) {
  if (ownOfGateway(testCase)) return ownOfGateway(testCase);
  const { open, file = {}, steps, seen = {} } = testCase;
  const { filer, filerToken, sse, options = {} } = open;
  if (!filer) return "a gateway serves files of a filer";
  if (file.error || steps.some(({ error, stop }) => error || stop)) return "HTTP has no error codes of the package";
  if (steps.length === 0 || steps.some(({ read }) => read && !(read.end > read.start || read.end === undefined))) return "HTTP has no empty range";
  if (steps.some(({ read }) => read && file.size === 0)) return "HTTP has no empty range";
  if (file.name !== undefined) return "HTTP encodes the name";
  if (filerToken || sse?.customerKey || sse?.kek) return "the gateway has its own tokens and keys";
  if (Object.keys(options).some((name) => !["hedge", "retry", "concurrency"].includes(name))) return "the gateway has its own options";
  if (seen.parallel) return "the gateway sets the concurrency";
  return undefined;
}

/**
 * A reader that sends requests to a gateway. Each store gets its own gateway.
 * @param {(servers: { filer: string, master?: string, volumes: string[] }) => Promise<{ origin: string, close(): Promise<void> | void }>} start
 *   `master` only if chunks are read from the volume servers
 */
export function gatewayReader(start) {
  let key = null;
  let gateway = null;
  const close = async () => {
    await gateway?.close();
    gateway = key = null;
  };
  return {
    close,
    async perform({ servers: { filer, master, volumes }, open, steps }) {
      const servers = open.options.locate ? { filer, master, volumes } : { filer, volumes };
      if (key !== JSON.stringify(servers)) {
        await close();
        key = JSON.stringify(servers);
        gateway = await start(servers);
      }
      const url = gateway.origin + new URL(open.target).pathname;
      const file = steps.some(needsHead) ? await headOf(url) : {};
      const report = [];
      for (const { read, answer } of steps) report.push(await (answer ? ask(url, answer, file) : range(url, read)));
      return { file, steps: report };
    },
  };
}

/** Whether a step needs properties of the file. */
export const needsHead = ({ read, answer }) => read !== undefined || Object.values(answer.headers ?? {}).some((value) => value.includes("{etag}"));

async function headOf(url) {
  const { headers } = await ask(url, { method: "HEAD" });
  return { size: Number(headers["content-length"]), type: headers["content-type"], etag: headers.etag };
}

async function range(url, { start = 0, end }) {
  const isWhole = start === 0 && end === undefined;
  const { status, headers, length, sha256: digest, broken, problem } = await ask(url, isWhole ? {} : { headers: { range: `bytes=${start}-${end === undefined ? "" : end - 1}` } });
  // A start beyond the end has no bytes.
  if (status === 416) return { length: 0, sha256: sha256(Buffer.alloc(0)) };
  if (status !== (isWhole ? 200 : 206)) return { error: { code: `status ${status}`, message: JSON.stringify(problem ?? headers) } };
  return broken ? { error: { code: "broken" } } : { length, sha256: digest };
}

async function ask(url, { method = "GET", headers = {} }, file) {
  const own = Object.entries(headers).map(([name, value]) => [name, value.replace("{etag}", file?.etag)]);
  // Otherwise Node would request gzip, and decode it.
  const response = await fetch(url, { method, headers: [["accept-encoding", "identity"], ...own], redirect: "manual", signal: AbortSignal.timeout(60_000) });
  const report = { status: response.status, headers: Object.fromEntries(response.headers) };
  try {
    const bytes = Buffer.from(await response.arrayBuffer());
    const problem = report.headers["content-type"] === "application/problem+json" && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
    return { ...report, length: bytes.length, sha256: sha256(bytes), problem };
  } catch {
    return { ...report, broken: true };
  }
}
