// Runs the library component for WASI 0.3 under jco, with the commands of jco.mjs. Needs a Node with JSPI: 24 or newer.
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { answerLines } from "./lines.mjs";
import { bytesIn, plain, span, errorOf } from "./values.mjs";

const { readerAsync: reader } = await import(pathToFileURL(process.argv[2]));
const files = new Map();
const bodies = new Map();

const commands = {
  async open({ file, by, args }) {
    const opened = await reader[by](...args.map(bytesIn));
    files.set(file, opened);
    const [size, name, type, etag, modified] = await Promise.all([opened.size(), opened.name(), opened.mediaType(), opened.etag(), opened.lastModified()]);
    return plain({ size, name, type, etag, modified });
  },
  plan: async ({ file, range }) => plain(await files.get(file).plan(span(range))),
  stats: async ({ file }) => plain(await files.get(file).stats()),
  async body({ file, body, range }) {
    const [stream, outcome] = await files.get(file).readRange(span(range));
    bodies.set(body, { stream, outcome, ended: null });
    return {};
  },
  /** Reads up to `most` bytes, or to the end. */
  async read({ body, most = Infinity, max = 65_536 }) {
    const reading = bodies.get(body);
    const hash = createHash("sha256");
    let length = 0;
    while (length < most) {
      const { value, done } = reading.ended ? { done: true } : await reading.stream.read({ count: max });
      if (done || value === undefined) {
        reading.ended ??= await reading.outcome;
        const { tag, val } = reading.ended;
        const read = { length, sha256: hash.digest("hex") };
        return tag === "err" ? { ...read, error: errorOf(val) } : { ...read, end: true };
      }
      hash.update(Uint8Array.from(value));
      length += value.length;
    }
    return { length, sha256: hash.digest("hex"), end: false };
  },
  dropBody({ body }) {
    bodies.get(body).stream[Symbol.dispose]();
    return {};
  },
  async outcome({ body }) {
    const { tag, val } = await bodies.get(body).outcome;
    return tag === "err" ? { error: errorOf(val) } : {};
  },
  dropFile({ file }) {
    files.get(file)[Symbol.dispose]();
    return {};
  },
};

await answerLines(commands);
