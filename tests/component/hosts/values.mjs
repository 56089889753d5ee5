// Converts values between jco and lines of JSON: 64-bit numbers are { u64 }, bytes { bytes: base64 }.

/** An argument. */
export function bytesIn(value) {
  if (Array.isArray(value)) return value.map(bytesIn);
  if (typeof value !== "object" || value === null) return value ?? undefined;
  if ("bytes" in value) return new Uint8Array(Buffer.from(value.bytes, "base64"));
  if ("u64" in value) return BigInt(value.u64);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [camel(name), bytesIn(each)]));
}

const camel = (name) => name.replace(/-./g, ([, letter]) => letter.toUpperCase());

/** A range. */
export const span = (range) => range && { start: BigInt(range.start), end: BigInt(range.end) };

/** A result. */
export const plain = (value) => JSON.parse(JSON.stringify(value, (_, each) => (typeof each === "bigint" ? Number(each) : each)));

/** An error: jco throws the record of the interface. Any other error is a bug. */
export const errorOf = (error) => (error instanceof Error ? (error.payload ? plain(error.payload) : { code: "trap", message: String(error.stack) }) : plain(error));
