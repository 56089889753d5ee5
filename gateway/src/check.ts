// Checks the bytes of a whole plain chunk while they pass. The runtime computes the digest, piece by piece.
import type { Settings } from "./settings";
import type { View } from "./views";

/** The name of CRC-32C in `DigestStream`. */
const CRC = "crc32c";

export class Check {
  #stream: DigestStream;
  #writer: WritableStreamDefaultWriter;
  #isRight: (digest: Uint8Array) => boolean;

  private constructor(stream: DigestStream, isRight: (digest: Uint8Array) => boolean) {
    this.#stream = stream;
    this.#writer = stream.getWriter();
    this.#isRight = isRight;
  }

  /**
   * The check of a view that is read from its first byte on, of which this is the response; `null` if there is none: a part of a
   * chunk has no digest, and some writers note none.
   *
   * The rules are those of the core: with `transit` the checksum of the server replaces an MD5 that is known.
   */
  static of({ md5 }: View, { headers }: Response, verify: Settings["verify"]): Check | null {
    if (md5 === null || verify === "off") return null;
    const [, sent] = verify === "transit" ? (/^"([\da-f]{8})"$/i.exec(headers.get("etag") ?? "") ?? []) : [];
    const crc = sent === undefined ? null : digestStream(CRC);
    if (crc) return new Check(crc, (digest) => isCrc(parseInt(sent!, 16), digest));
    return new Check(digestStream("MD5")!, (digest) => String.fromCharCode(...digest) === atob(md5));
  }

  /** Takes the next bytes. They may be overwritten afterwards. */
  add(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  /** Whether the bytes were right. There are no others. */
  async isRight(): Promise<boolean> {
    await this.#writer.close();
    return this.#isRight(new Uint8Array(await this.#stream.digest));
  }
}

/** `null` if the runtime does not know the algorithm: CRC-32C is not documented. */
function digestStream(algorithm: string): DigestStream | null {
  try {
    return new crypto.DigestStream(algorithm);
  } catch {
    return null;
  }
}

/** Servers before SeaweedFS 3.09 stored a CRC-32C in another form, and send it so for large chunks. */
function isCrc(sent: number, digest: Uint8Array): boolean {
  const crc = new DataView(digest.buffer, digest.byteOffset).getUint32(0);
  const old = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  return sent === crc || sent === old;
}
