// A unary gRPC call, and the protobuf encoding that the tests need.
import { connect } from "node:http2";

/** Calls a method. Rejects with the status of the server if it is not "ok". */
export async function call(origin, method, request) {
  const session = connect(origin);
  try {
    return await new Promise((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({ ":method": "POST", ":path": method, "content-type": "application/grpc", te: "trailers" });
      const parts = [];
      const settle = ({ "grpc-status": status, "grpc-message": said }) => {
        if (status === undefined) return;
        if (status === "0") resolve(Buffer.concat(parts).subarray(FRAME));
        else reject(new Error(`${method}: ${status} ${decodeURIComponent(said ?? "")}`));
      };
      stream.setTimeout(20_000, () => reject(new Error(`${method}: no response`)));
      stream.on("error", reject).on("data", (data) => parts.push(data)).on("response", settle).on("trailers", settle);
      const head = Buffer.alloc(FRAME);
      head.writeUInt32BE(request.length, 1);
      stream.end(Buffer.concat([head, request]));
    });
  } finally {
    session.destroy();
  }
}

/** The prefix of a message: whether it is compressed, and its length. */
const FRAME = 5;

/** A message of fields by number: text, bytes or a message; a number (0 is left out); or a list of these. */
export function message(fields) {
  return Buffer.concat(Object.entries(fields).flatMap(([number, value]) => [value].flat().map((one) => field(Number(number), one))));
}

function field(number, value) {
  if (value === undefined || value === null || value === false) return Buffer.alloc(0);
  if (typeof value === "boolean" || typeof value === "number" || typeof value === "bigint") {
    return BigInt(value) === 0n ? Buffer.alloc(0) : Buffer.concat([varint(BigInt(number) << 3n), varint(BigInt(value))]);
  }
  const bytes = Buffer.from(value);
  return Buffer.concat([varint((BigInt(number) << 3n) | 2n), varint(BigInt(bytes.length)), bytes]);
}

function varint(value) {
  const bytes = [];
  for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
  return Buffer.from([...bytes, Number(value)]);
}
