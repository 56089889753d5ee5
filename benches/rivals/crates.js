// Decoding by hand without WebCrypto: the crates aes-gcm and flate2 (zlib-rs) in a wasm module, `crates/`. Runs in the page and in
// decode-worker.js.

/** Where the server of the page has the module. */
const MODULE = "/rival.wasm";

/**
 * Loads the module.
 * @returns {Promise<(pieces: Uint8Array[], chunk: { key?: Uint8Array, gzip?: boolean }, add: (piece: Uint8Array) => void) => void>} as
 *   `open` of platform.js
 */
export async function loadCrates() {
  const { instance: { exports: wasm } } = await WebAssembly.instantiateStreaming(fetch(MODULE));
  return (pieces, { key, gzip }, add) => {
    const length = write(wasm, pieces);
    const plain = key ? decrypt(wasm, key) : length;
    if (gzip) return inflate(wasm, add);
    add(new Uint8Array(wasm.memory.buffer, wasm.plain(), plain).slice());
  };
}

/** Copies stored pieces into the module. Returns their length. */
function write(wasm, pieces) {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const start = wasm.room(length); // may grow the memory, which replaces its buffer
  const room = new Uint8Array(wasm.memory.buffer, start, length);
  let at = 0;
  for (const piece of pieces) {
    room.set(piece, at);
    at += piece.length;
  }
  return length;
}

function decrypt(wasm, key) {
  new Uint8Array(wasm.memory.buffer, wasm.key(), 32).set(key);
  const length = wasm.open();
  if (length < 0) throw new Error("the tag is wrong");
  return length;
}

function inflate(wasm, add) {
  wasm.inflate();
  for (let length = wasm.next(); length !== 0; length = wasm.next()) {
    if (length < 0) throw new Error("the gzip is damaged");
    add(new Uint8Array(wasm.memory.buffer, wasm.piece(), length).slice());
  }
}
