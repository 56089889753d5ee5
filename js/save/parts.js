// Files in the private file system of the origin, which grow while they are fetched and are handed to the browser when they are whole.
import { partsFolder, sha256 } from "./folder.js";

/** Milliseconds after which a part that was left is removed, and a file that the browser has had time to copy. */
const KEEP = 7 * 24 * 3600_000;

/** How many pieces are on their way to the worker. */
const AHEAD = 4;

let spawn;

/** Sets how the worker starts that writes parts. */
export function setPartWorker(start) {
  spawn = start;
}

/** Whether parts can be written here. */
export const hasParts = () => spawn !== undefined && typeof globalThis.navigator?.storage?.getDirectory === "function" && globalThis.crypto?.subtle !== undefined;

/** Whether this many bytes fit into what the browser allows the origin. */
export async function fits(bytes) {
  const { quota = 0, usage = 0 } = await navigator.storage.estimate();
  return bytes <= quota - usage;
}

/** A part that is being written. */
export class Part {
  #worker;
  #waiting = new Map();
  #ids = 0;
  #name;
  #sent = [];

  constructor(name) {
    this.#name = name;
    this.#worker = spawn();
    this.#worker.onmessage = ({ data: { id, error, ...answer } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(new DOMException(error.message, error.name));
      else resolve(answer);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      const failure = new Error("the worker that writes the file failed");
      for (const { reject } of this.#waiting.values()) reject(failure);
      this.#waiting.clear();
    };
  }

  /** `{ offset }`: the number of bytes that are there already; `{ changed }`: they were of another version, and are removed. */
  open({ etag, size }) {
    return this.#ask({ act: "open", name: this.#name, etag, size });
  }

  /** Resolves when there is room for the next piece. Takes the piece over. */
  async write(piece) {
    const bytes = piece.byteLength === piece.buffer.byteLength ? piece : piece.slice();
    const asked = this.#ask({ act: "write", bytes }, [bytes.buffer]);
    // Its failure is thrown when it is awaited.
    asked.catch(() => {});
    this.#sent.push(asked);
    if (this.#sent.length > AHEAD) await this.#sent.shift();
  }

  /** The file, which is whole. */
  async finish() {
    await Promise.all(this.#sent);
    await this.#ask({ act: "finish" });
    this.end();
    return (await (await partsFolder()).getFileHandle(this.#name)).getFile();
  }

  /** Ends it; what was written stays as a part. */
  leave() {
    return this.#finally("close");
  }

  /** Ends it, and removes what was written. */
  remove() {
    return this.#finally("remove");
  }

  async #finally(act) {
    await Promise.allSettled(this.#sent);
    await this.#ask({ act }).catch(() => {});
    this.end();
  }

  /** Ends the worker alone. */
  end() {
    this.#worker.terminate();
  }

  #ask(request, transfer = []) {
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...request }, transfer);
    });
  }
}

/**
 * The name of the part of a file: that of one which was left, if `resumes`, else a new one. Old parts are removed.
 */
export async function partName(name, resumes) {
  const folder = await partsFolder();
  const left = [];
  for await (const each of folder.keys()) {
    const isOld = Date.now() - Number(/~(\d+)(?:\.json)?$/.exec(each)?.[1]) > KEEP;
    // It may be in use in another tab.
    if (isOld) await folder.removeEntry(each).catch(() => {});
    else if (each.endsWith(".json")) left.push(each.slice(0, -5));
  }
  // The name of a file may be longer than that of a part.
  const mine = `${(await sha256(new TextEncoder().encode(name))).slice(0, 32)}~`;
  return (resumes && left.find((each) => each.startsWith(mine))) || `${mine}${Date.now()}`;
}
