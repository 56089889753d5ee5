// The worker that writes a part into the private file system of the origin. Only workers have handles that write in place, so that what
// was written survives a crash. It does one request at a time; `id` is the same in the answer.
//
// A part is a file, and beside it a record: what it is a part of, and how many of its bytes are known to be on the disk. The record is
// written after they are flushed, and has the digest of the last of them, so a write that a crash tore is found.

import { partsFolder, sha256 } from "./folder.js";

/** Bytes between two records. */
const STEP = 8 * 2 ** 20;

/** The last bytes before the offset of a record, of which it has the digest. */
const TAIL = 2 ** 16;

let folder, name, part, log, record;

const acts = {
  /** Opens a part, and answers how many bytes of it are there. With another ETag or size, `changed` is the answer, and the part is removed. */
  async open({ name: asked, etag, size }) {
    name = asked;
    folder = await partsFolder();
    part = await handleOf(name);
    log = await handleOf(`${name}.json`);
    const known = await written();
    record = { etag, size, offset: 0, at: Date.now() };
    if (known && (known.etag !== etag || known.size !== size)) {
      await acts.remove();
      return { changed: true };
    }
    record.offset = known?.offset ?? 0;
    part.truncate(record.offset);
    return { offset: record.offset };
  },

  async write({ bytes }) {
    const at = part.getSize();
    const written = part.write(bytes, { at });
    if (written !== bytes.length) throw new DOMException("the disk is full", "QuotaExceededError");
    if (at + written - record.offset >= STEP) await keep();
  },

  /** Closes the part. It is kept with its record. */
  async close() {
    await keep();
    closeHandles();
  },

  /** Closes the part, which is whole, and removes the record. */
  async finish() {
    part.flush();
    closeHandles();
    await folder.removeEntry(`${name}.json`);
  },

  async remove() {
    closeHandles();
    for (const each of [name, `${name}.json`]) await folder.removeEntry(each).catch(() => {});
  },
};

const handleOf = async (each) => (await folder.getFileHandle(each, { create: true })).createSyncAccessHandle();

function closeHandles() {
  part.close();
  log.close();
}

/** Flushes what is written, then says so in the record. */
async function keep() {
  part.flush();
  record.offset = part.getSize();
  record.tail = await tail(record.offset);
  const text = new TextEncoder().encode(JSON.stringify(record));
  log.truncate(0);
  log.write(text, { at: 0 });
  log.flush();
}

/** The record of a part whose bytes are there. */
async function written() {
  const text = new Uint8Array(log.getSize());
  log.read(text, { at: 0 });
  try {
    const known = JSON.parse(new TextDecoder().decode(text));
    if (part.getSize() >= known.offset && (await tail(known.offset)) === known.tail) return known;
  } catch {
    // There is none, or a crash tore it: the part begins anew.
  }
  return undefined;
}

async function tail(end) {
  const bytes = new Uint8Array(Math.min(end, TAIL));
  part.read(bytes, { at: end - bytes.length });
  return sha256(bytes);
}

let queue = Promise.resolve();
globalThis.onmessage = ({ data: { id, act, ...given } }) => {
  queue = queue.then(async () => {
    try {
      postMessage({ id, ...(await acts[act](given)) });
    } catch ({ name, message }) {
      postMessage({ id, error: { name, message } });
    }
  });
};
