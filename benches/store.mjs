// The stand-in in its own process, so that it shares no event loop with the reader.
import { gzipSync } from "node:zlib";
import { startControl } from "../tests/package/control.mjs";
import { answer } from "./child.mjs";
import { text } from "./text.mjs";

const { cluster = null, ...options } = JSON.parse(process.argv[2] ?? "{}");
const control = await startControl(cluster, options);

/**
 * Stores a file of compressed or encrypted chunks, which hold text that gzips about 4 to 1. The keys are those of its entry.
 * @param {{ path: string, chunkSize: number, distinct: number, repeat: number, cipher: boolean, gzip: boolean }} about `distinct`
 *   chunks, repeated
 */
control.addCoded = ({ path, chunkSize, distinct, repeat, cipher, gzip }) => {
  const contents = Array.from({ length: distinct }, (_, i) => text(i, chunkSize));
  // A server says of gzip that is not encrypted that it is an encoding, and the browser inflates it. Of bytes it says nothing.
  const stored = gzip && !cipher ? contents.map((bytes) => gzipSync(bytes)) : contents;
  const chunks = stored.map((bytes) => ({ content: `base64:${bytes.toString("base64")}`, length: bytes.length, cipher, gzip: gzip && cipher }));
  const { fileIds, entry } = control.addFile({ path, chunks, repeat });
  const keys = JSON.parse(entry).chunks.map(({ cipher_key: key }) => key);
  return { size: fileIds.length * chunkSize, chunks: fileIds.map((fileId, i) => ({ fileId, size: chunkSize, key: keys[i], gzip })) };
};

answer(control);
