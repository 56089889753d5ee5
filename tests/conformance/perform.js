// Performs one task with the package, in every place that runs JavaScript, and returns its report.

/**
 * @param {typeof import("kelp-stream")} kelp
 * @param {object} task made by setup.mjs of a case: `{ open, steps }`
 * @returns {Promise<{ file: object, steps: object[] }>} the report (README.md)
 */
export async function perform(kelp, { open, steps }) {
  const pool = new kelp.Pool();
  try {
    const file = await opened(kelp, open, pool);
    const { size, name, type, etag, lastModified } = file;
    const report = [];
    for (const step of steps) report.push(await (step.answer ? answered(file, step.answer) : read(file, step)));
    file.close();
    return { file: { size, name, type, etag, lastModified }, steps: report };
  } catch (error) {
    return { file: { error: failure(kelp, error) }, steps: [] };
  } finally {
    pool.close();
  }

  async function read(file, { read: range, stop = Infinity }) {
    const reader = file.stream(range).getReader();
    const pieces = [];
    let length = 0;
    try {
      while (length < stop) {
        const { done, value } = await reader.read();
        if (done) return { length, sha256: await digest(pieces) };
        pieces.push(value);
        length += value.length;
      }
    } catch (error) {
      return { length, sha256: await digest(pieces), error: failure(kelp, error) };
    }
    await reader.cancel();
    return { stopped: true };
  }
}

function opened(kelp, { by, target, known, options }, pool) {
  const all = { ...options, pool };
  if (by === "filer") return kelp.openFiler(target, all);
  if (by === "entry") return kelp.openEntry(target, { ...all, filer: known.filer });
  if (by === "manifest") return kelp.openManifest(target, all);
  return kelp.openUrl(target, { ...all, ...known });
}

async function answered(file, { method = "GET", headers = {} }) {
  const own = Object.entries(headers).map(([name, value]) => [name, value.replace("{etag}", file.etag)]);
  const response = await file.response(new Request("http://reader.example/", { method, headers: own }));
  const report = { status: response.status, headers: Object.fromEntries(response.headers) };
  try {
    const bytes = new Uint8Array(await response.arrayBuffer());
    const isProblem = report.headers["content-type"] === "application/problem+json";
    return { ...report, length: bytes.length, sha256: await digest([bytes]), ...(isProblem ? { problem: JSON.parse(new TextDecoder().decode(bytes)) } : {}) };
  } catch {
    return { ...report, broken: true };
  }
}

// An error that is not a KelpError is a bug: report it with its stack.
function failure(kelp, error) {
  if (!(error instanceof kelp.KelpError)) return { code: `${error?.name}: ${error?.stack}` };
  const { code, message, retryable, offset, chunk, attempts } = error;
  return { code, message, retryable, offset, chunk, attempts };
}

async function digest(pieces) {
  const all = new Uint8Array(await new Blob(pieces).arrayBuffer());
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
