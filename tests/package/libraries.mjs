// Reads an encrypted file of the stand-in with a library that reads small pieces, and counts what the store sends.
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader, ZipWriter } from "@zip.js/zip.js";
import { parquetReadObjects } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { noise, startStore, urlOf } from "../store/index.mjs";
import { asyncBuffer, KelpReader } from "./adapters.mjs";

const MIB = 2 ** 20;

/** What is stored with each encrypted chunk: nonce and tag. */
const OVERHEAD = 28;

/** The libraries by name: a file, its chunks, and how it is read. `read` resolves to what was read, as text or bytes. */
export const libraries = {
  /** 16 MB in 64 entries, in chunks of 8 MiB; all entries are read. */
  "zip.js": { chunkSize: 8 * MIB, make: makeZip, read: readZip },
  /** 16 columns of 1 MB in 16 row groups, in chunks of 8 MiB; one column is read. */
  hyparquet: { chunkSize: 8 * MIB, make: makeParquet, read: readColumn },
};

const ENTRIES = 64;
const entryBytes = (i) => noise(`entry ${i}`, 260_000);

async function makeZip() {
  const zip = new ZipWriter(new Uint8ArrayWriter(), { level: 0, useWebWorkers: false, lastModDate: new Date(0) });
  for (let i = 0; i < ENTRIES; i++) await zip.add(`${i}.bin`, new Uint8ArrayReader(entryBytes(i)));
  return zip.close();
}

async function readZip(file) {
  const zip = new ZipReader(new KelpReader(file), { useWebWorkers: false });
  const entries = await zip.getEntries();
  let bytes = 0;
  for (const entry of entries) {
    const data = await entry.getData(new Uint8ArrayWriter(), { checkSignature: true });
    if (Buffer.compare(data, entryBytes(parseInt(entry.filename))) !== 0) throw new Error(`${entry.filename} is wrong`);
    bytes += data.length;
  }
  await zip.close();
  if (entries.length !== ENTRIES) throw new Error(`${entries.length} entries`);
  return bytes;
}

const COLUMNS = 16;
const ROWS = 125_000;
const value = (column, row) => Math.fround(Math.sin(column * 1e6 + row)) + row;

async function makeParquet() {
  const columnData = Array.from({ length: COLUMNS }, (_, column) => (
    { name: `c${column}`, type: "DOUBLE", data: Array.from({ length: ROWS }, (_, row) => value(column, row)) }
  ));
  return new Uint8Array(parquetWriteBuffer({ columnData, codec: "UNCOMPRESSED", rowGroupSize: Math.ceil(ROWS / 16) }));
}

async function readColumn(file) {
  const rows = await parquetReadObjects({ file: asyncBuffer(file), columns: ["c7"] });
  if (rows.length !== ROWS) throw new Error(`${rows.length} rows`);
  rows.forEach(({ c7 }, row) => {
    if (c7 !== value(7, row)) throw new Error(`row ${row} is ${c7}`);
  });
  return ROWS * 8;
}

/**
 * Reads the file of a library. Resolves to `{ size, reads, touched, sent }`: of the file, how many reads the library makes, the stored
 * bytes of the chunks that it touches, and the bytes of chunks that the store sends.
 */
export async function measure(kelp, name, limits) {
  const { chunkSize, make, read } = libraries[name];
  const store = await startStore({ cluster: null });
  try {
    const bytes = await make();
    store.addFile({ path: "/f/library.bin", bytes, chunkSize, cipher: true });
    const pool = new kelp.Pool(limits);
    const file = await kelp.openFiler(urlOf(store, "/f/library.bin"), { pool });
    const chunks = new Set();
    let reads = 0;
    const watch = (call) => ({ start, end = bytes.length }) => {
      reads++;
      for (let i = Math.floor(start / chunkSize); i * chunkSize < end; i++) chunks.add(i);
      return call({ start, end });
    };
    store.resetLog();
    await read({ size: file.size, bytes: watch((range) => file.bytes(range)), arrayBuffer: watch((range) => file.arrayBuffer(range)) });
    const sent = store.requests.filter(({ fileId }) => fileId !== null).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
    const touched = [...chunks].reduce((sum, i) => sum + Math.min(chunkSize, bytes.length - i * chunkSize) + OVERHEAD, 0);
    pool.close();
    return { size: bytes.length, reads, touched, sent };
  } finally {
    await store.close();
  }
}
