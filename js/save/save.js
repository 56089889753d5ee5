// Writes a file where the person wants it, in the best way that the platform has.
import { abortSignal, boolean, callable, dictionary, httpUrl, string, word } from "../check.js";
import { KelpError } from "../error.js";
import { askForFile, saveToDownload } from "./browser.js";
import { fileName } from "./names.js";
import { fits, hasParts, Part, partName } from "./parts.js";
import { Watch } from "./progress.js";
import { saveThroughWorker } from "./service-worker.js";

const WAYS = ["auto", "file-system", "service-worker", "opfs", "blob"];

/** The largest file in bytes that is collected in memory. */
const MAX_BLOB = 512 * 2 ** 20;

/** Saves a file; save.d.ts explains it. */
export async function save(file, options) {
  const given = dictionary(options, "options", "name to how serviceWorker resume signal onProgress");
  const name = fileName(string(given.name, "name", file.name));
  const how = word(given.how, "how", WAYS);
  const signal = abortSignal(given.signal);
  const resume = boolean(given.resume, "resume", false);
  const url = given.serviceWorker === undefined ? undefined : httpUrl(dictionary(given.serviceWorker, "serviceWorker", "url").url, "serviceWorker.url");
  const to = destination(given.to);
  const watch = new Watch(file, callable(given.onProgress, "onProgress"));
  signal?.throwIfAborted();
  const job = { file, name, signal, watch, resume, url };
  const way = to ? "to" : how === "auto" ? await best(job) : how;
  const done = await RUN[way]({ ...job, to });
  if (done.bytes !== file.size) throw new KelpError("short_body", `${done.bytes} of ${file.size} bytes were saved`);
  watch.end();
  return { name, resumedAt: 0, ...done };
}

function destination(to) {
  if (to === undefined || typeof to?.createWritable === "function" || typeof to?.getWriter === "function") return to;
  throw new TypeError("to must be a FileSystemFileHandle or a WritableStream");
}

/** The best way that there is here. The person is asked for a place before anything else, while the click still counts. */
async function best({ file, url, resume }) {
  if (typeof globalThis.showSaveFilePicker === "function" && !resume) return "file-system";
  if (typeof document === "undefined") throw new KelpError("unsupported", "outside of a page, save needs the option to");
  if (url !== undefined && !resume && (await navigator.serviceWorker?.getRegistration(url.href))?.active) return "service-worker";
  if (hasParts() && (await fits(file.size))) return "opfs";
  if (file.size <= MAX_BLOB) return "blob";
  throw new KelpError("limit", `the file has ${file.size} bytes, and this browser can save at most ${MAX_BLOB}`);
}

const RUN = {
  async to({ to, ...job }) {
    if (typeof to.createWritable === "function") return intoHandle(to, job);
    return { how: "stream", bytes: await pour(job, to) };
  },

  async "file-system"(job) {
    return intoHandle(await askForFile(job.name, job.file.type), job);
  },

  async "service-worker"(job) {
    if (job.url === undefined) throw new TypeError('how: "service-worker" needs serviceWorker.url');
    return { how: "service-worker", bytes: await saveThroughWorker(job) };
  },

  async opfs(job) {
    if (!hasParts()) throw new KelpError("unsupported", "this browser has no private file system");
    if (!(await fits(job.file.size))) throw noRoom(job.file.size);
    const { whole, resumedAt } = await intoPart(job);
    saveToDownload(whole, job.name);
    return { how: "opfs", bytes: whole.size, resumedAt };
  },

  async blob(job) {
    if (job.file.size > MAX_BLOB) throw new KelpError("limit", `the file has ${job.file.size} bytes, and at most ${MAX_BLOB} are collected in memory`);
    const pieces = [];
    const bytes = await pour(job, new WritableStream({ write: (piece) => void pieces.push(piece) }));
    saveToDownload(new Blob(pieces, { type: job.file.type }), job.name);
    return { how: "blob", bytes };
  },
};

/** Writes the file into a stream and closes it. Returns the number of bytes. A failure aborts the stream. */
async function pour({ file, signal, watch }, stream) {
  let bytes = 0;
  const counted = new TransformStream({
    transform(piece, controller) {
      bytes += piece.length;
      watch.wrote(bytes);
      controller.enqueue(piece);
    },
  });
  await file.stream({ signal }).pipeThrough(counted).pipeTo(stream);
  return bytes;
}

/** Until it is closed, what is written is in a file beside it, which an abort removes. */
async function intoHandle(handle, job) {
  const isNew = (await handle.getFile()).size === 0;
  try {
    return { how: "file-system", bytes: await pour(job, await handle.createWritable()) };
  } catch (error) {
    // The file dialog has made an empty file.
    if (isNew) await handle.remove?.().catch(() => {});
    throw error;
  }
}

async function intoPart({ file, name, signal, watch, resume }) {
  // Without an ETag, nothing says whether the file has changed.
  const canResume = resume && file.etag !== null;
  const { part, offset, changed } = await openPart(file, name, canResume);
  try {
    if (changed) throw new KelpError("source_changed", "the file has changed since a part of it was saved");
    let at = offset;
    watch.wrote(at);
    for await (const piece of pieces(file.stream({ start: offset, signal }))) {
      at += piece.length;
      await part.write(piece);
      watch.wrote(at);
    }
    return { whole: await part.finish(), resumedAt: offset };
  } catch (error) {
    await (canResume && error.code !== "source_changed" ? part.leave() : part.remove());
    // Chromium does not say beforehand how much there is room for.
    if (error.name === "QuotaExceededError") throw noRoom(file.size);
    throw error;
  }
}

/** The part of a file: the one that was left, if `resumes` and no other tab goes on with it, else a new one. */
async function openPart({ etag, size }, name, resumes) {
  const part = new Part(await partName(name, resumes));
  try {
    return { part, ...(await part.open({ etag, size })) };
  } catch (error) {
    part.end();
    if (!resumes || error.name !== "NoModificationAllowedError") throw error;
    return openPart({ etag, size }, name, false);
  }
}

const noRoom = (bytes) => new KelpError("limit", `the browser does not allow this site ${bytes} bytes`);

// Safari's streams are not iterable.
async function* pieces(stream) {
  const reader = stream.getReader();
  try {
    for (let read; !(read = await reader.read()).done; ) yield read.value;
  } finally {
    await reader.cancel().catch(() => {});
  }
}
