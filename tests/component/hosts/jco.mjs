// Runs the library component under jco: commands are lines of JSON on stdin, results lines on stdout. In its own process, since jco
// blocks the thread that calls a component, and the store must go on.
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { answerLines } from "./lines.mjs";
import { bytesIn, plain, span, errorOf } from "./values.mjs";

const { reader } = await import(pathToFileURL(process.argv[2]));
const bodies = new Map();
const files = new Map();

const commands = {
  open({ file, by, args }) {
    const opened = reader[by](...args.map(bytesIn));
    files.set(file, opened);
    return { size: Number(opened.size()), name: opened.name(), type: opened.mediaType(), etag: opened.etag(), modified: Number(opened.lastModified()) };
  },
  plan: ({ file, range }) => plain(files.get(file).plan(span(range))),
  stats: ({ file }) => plain(files.get(file).stats()),
  body({ file, body, range }) {
    bodies.set(body, files.get(file).readRange(span(range)));
    return {};
  },
  /** Reads up to `most` bytes, or to the end. */
  read({ body, most = Infinity, max = 1 << 20 }) {
    const hash = createHash("sha256");
    let length = 0;
    try {
      while (length < most) {
        const bytes = bodies.get(body).read(max);
        if (bytes.length === 0) return { length, sha256: hash.digest("hex"), end: true };
        hash.update(bytes);
        length += bytes.length;
      }
    } catch (error) {
      return { length, sha256: hash.digest("hex"), error: errorOf(error) };
    }
    return { length, sha256: hash.digest("hex"), end: false };
  },
  dropBody({ body }) {
    bodies.get(body)[Symbol.dispose]();
    return {};
  },
  dropFile({ file }) {
    files.get(file)[Symbol.dispose]();
    return {};
  },
};

await answerLines(commands);
