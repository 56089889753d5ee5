// The entry point `kelp-stream/save`: a file on the person's disk, in the best way that the platform has.
import type { Progress, RemoteFile, StreamRange } from "./index.js";

export interface SaveOptions {
  /** The name to save it under, made one that every system allows. Default: that of the file. */
  name?: string;
  /** Where to write it, if that is known: no one is asked. A failure leaves a file as it was, and aborts a stream. */
  to?: FileHandle | WritableStreamOf;
  /**
   * The way. Default "auto": the first that is possible of
   *
   * - "file-system": asks where (Chromium on a desktop); call `save` in the handler of a click;
   * - "service-worker": a download through the site's service worker, if there is `serviceWorker`;
   * - "opfs": into the site's private file system, then a download of it. The disk must hold it twice for a while;
   * - "blob": in memory, at most 512 MiB, then a download.
   */
  how?: "auto" | "file-system" | "service-worker" | "opfs" | "blob";
  /** The URL at which a handler of `kelp-stream/service-worker` serves this file. */
  serviceWorker?: { url: string | URL };
  /**
   * Goes on from the part that an earlier call with the same name has left, and leaves one if it fails; the way is "opfs". If the file has
   * another ETag or size by now, the part is removed and the error is `source_changed`. A file without an ETag is not resumed.
   */
  resume?: boolean;
  /** Aborting it ends the save: the promise rejects with the reason. */
  signal?: NonNullable<StreamRange["signal"]>;
  /** Called at most every 100 ms, and at the end; `delivered` are the bytes that are written. */
  onProgress?(progress: Progress): void;
}

export interface Saved {
  /** The way: "file-system" also for a handle, "stream" for a stream. */
  how: "file-system" | "service-worker" | "opfs" | "blob" | "stream";
  name: string;
  bytes: number;
  /** How many bytes an earlier call had written. */
  resumedAt: number;
}

/**
 * Saves a file. Resolves when all its bytes are written or, for a download, handed to the browser. There is never a file that looks whole
 * and is not: what fails is removed, or kept as a part where only `resume` finds it. Parts are removed after seven days.
 *
 * @throws {KelpError} as of a stream; `limit` if there is no room, before anything is fetched if the browser says so; `unsupported` for a way that is not here
 * @throws {DOMException} `AbortError` if the person cancels the dialog or the download
 */
export function save(file: RemoteFile, options?: SaveOptions): Promise<Saved>;

/** A `FileSystemFileHandle`. */
export interface FileHandle {
  createWritable(): Promise<WritableStreamOf>;
}

/** A `WritableStream` of bytes. */
export interface WritableStreamOf {
  getWriter(): object;
}
