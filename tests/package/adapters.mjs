// Libraries that read small pieces of a file, on an open file. docs/libraries.md shows the same code.
import { Reader } from "@zip.js/zip.js";

/** A reader for zip.js. */
export class KelpReader extends Reader {
  constructor(file) {
    super(file);
    this.file = file;
    this.size = file.size;
  }

  readUint8Array(offset, length) {
    return this.file.bytes({ start: offset, end: offset + length });
  }
}

/** An AsyncBuffer for hyparquet. */
export const asyncBuffer = (file) => ({
  byteLength: file.size,
  slice: (start, end) => file.arrayBuffer({ start, end }),
});
