// What `npm run bench:codec` runs in Node and in a page: the module codec and the rivals, in turns. Bytes are copied in from JavaScript
// and out to JavaScript on both sides, into memory that is used again.

/** Four streams are digested in steps of this many bytes each, as the package does. */
const STEP = 64 << 10;

/**
 * Times each case on both sides, `rounds` times.
 * @param {{ codec: BufferSource, rivals: BufferSource, cases: { name: string, kind: string, bytes: Uint8Array, length: number, key: Uint8Array }[], rounds: number }} work
 * @returns {Promise<{ name: string, megabytes: [number, number], ratios: number[] }[]>} codec first; a ratio for each round
 */
export async function measure({ codec, rivals, cases, rounds }) {
  const [ours, theirs] = await Promise.all([codec, rivals].map(async (wasm) => (await WebAssembly.instantiate(wasm)).instance.exports));
  const sides = [new Codec(ours), new Rivals(theirs)];
  return cases.map((item) => {
    const times = Math.max(1, Math.ceil((4 << 20) / item.length));
    const expected = sides.map((side) => side[item.kind](item));
    if (expected[0] !== expected[1]) throw new Error(`${item.name}: ${expected.join(" is not ")}`);
    const taken = [];
    for (let round = -2; round < rounds; round++) {
      const order = round % 2 === 0 ? [0, 1] : [1, 0];
      const both = [0, 0];
      for (const side of order) {
        const start = performance.now();
        for (let i = 0; i < times; i++) sides[side][item.kind](item);
        both[side] = performance.now() - start;
      }
      if (round >= 0) taken.push(both);
    }
    const rate = (side) => (times * item.length) / 1e3 / median(taken.map((both) => both[side]));
    return { name: item.name, megabytes: [rate(0), rate(1)], ratios: taken.map(([a, b]) => b / a) };
  });
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

// Where decoded pieces go. A sum of some bytes is what the two sides must agree on.
class Output {
  bytes = new Uint8Array(256 << 10);
  sum = 0;
  length = 0;

  add(memory, at, length) {
    this.bytes.set(new Uint8Array(memory.buffer, at, length));
    this.length += length;
    this.sum = (this.sum + this.bytes[0] + this.bytes[length - 1]) | 0;
  }
}

class Codec {
  constructor(exports) {
    this.wasm = exports;
    this.key = exports.alloc(32);
    this.table = exports.alloc(12 * exports.lanes());
    this.staging = exports.alloc(exports.lanes() * STEP);
  }

  #decode({ bytes, key }, encrypted, gzip) {
    const { wasm } = this;
    new Uint8Array(wasm.memory.buffer).set(key, this.key);
    const job = wasm.open(encrypted ? this.key : 0, gzip, bytes.length, Infinity, Infinity, 0);
    const input = wasm.input(job);
    // As it arrives: in pieces.
    for (let at = 0; at < bytes.length; at += STEP) {
      const piece = bytes.subarray(at, at + STEP);
      new Uint8Array(wasm.memory.buffer).set(piece, input + at);
      wasm.absorb(job, piece.length);
    }
    const output = new Output();
    for (let length; (length = wasm.next(job)) !== 0; ) {
      if (length < 0 && length !== -5) throw new Error(`error ${length}`);
      if (length > 0) output.add(wasm.memory, wasm.output(job), length);
    }
    wasm.close(job);
    return output.length;
  }

  gcm = (item) => this.#decode(item, true, 0);
  gzip = (item) => this.#decode(item, false, 1);
  both = (item) => this.#decode(item, true, 1);

  md5({ bytes, streams }) {
    const { wasm } = this;
    const digests = Array.from({ length: streams }, () => wasm.md5_new());
    const each = bytes.length / streams;
    for (let at = 0; at < each; at += STEP) {
      const length = Math.min(STEP, each - at);
      const memory = new Uint8Array(wasm.memory.buffer);
      const table = new Uint32Array(wasm.memory.buffer, this.table, 3 * streams);
      for (let n = 0; n < streams; n++) {
        memory.set(bytes.subarray(n * each + at, n * each + at + length), this.staging + n * STEP);
        table.set([digests[n], this.staging + n * STEP, length], 3 * n);
      }
      wasm.md5_update(this.table, streams);
    }
    let sum = 0;
    for (const digest of digests) {
      wasm.md5_finish(digest, this.staging);
      sum = (sum + new DataView(wasm.memory.buffer).getUint32(this.staging, true)) | 0;
      wasm.md5_free(digest);
    }
    return sum;
  }

  crc32c({ bytes }) {
    const { wasm } = this;
    let crc = 0;
    for (let at = 0; at < bytes.length; at += STEP) {
      const piece = bytes.subarray(at, at + STEP);
      new Uint8Array(wasm.memory.buffer).set(piece, this.staging);
      crc = wasm.crc32c(crc, this.staging, piece.length);
    }
    return crc;
  }
}

class Rivals {
  constructor(exports) {
    this.wasm = exports;
  }

  #put(bytes) {
    const at = this.wasm.input(bytes.length);
    new Uint8Array(this.wasm.memory.buffer).set(bytes, at);
  }

  #pieces(next) {
    const output = new Output();
    for (let length; (length = next()) !== 0; ) output.add(this.wasm.memory, this.wasm.output(length), length);
    return output.length;
  }

  #open({ bytes, key }) {
    this.#put(bytes);
    new Uint8Array(this.wasm.memory.buffer).set(key, this.wasm.key());
    if (this.wasm.open() !== 1) throw new Error("the tag is wrong");
  }

  gcm(item) {
    this.#open(item);
    return this.#pieces(this.wasm.next);
  }

  gzip(item) {
    this.#put(item.bytes);
    this.wasm.inflate(0);
    return this.#pieces(this.wasm.next_inflated);
  }

  both(item) {
    this.#open(item);
    this.wasm.inflate(1);
    return this.#pieces(this.wasm.next_inflated);
  }

  md5({ bytes, streams }) {
    this.#put(bytes);
    return this.wasm.md5(streams) | 0;
  }


  crc32c({ bytes }) {
    this.#put(bytes);
    return this.wasm.crc32c();
  }
}
