// Tokens that the servers behind the gateway want to see, minted for one request each: HS256.
import { base64url, hmacKey } from "./hmac";
import type { FilePath } from "./path";

/** Seconds: a token is minted when its request is about to leave. */
const LIFETIME = 10;

/** For one chunk at a volume server: `jwt.signing.read`. */
export const chunkToken = (fileId: string, secret: string) => mint({ fid: fileId }, secret);

/** For one path of the filer, to be read: `jwt.filer_signing.read`. */
export const filerToken = ({ plain }: FilePath, secret: string) =>
  mint({ allowed_prefixes: [plain], allowed_methods: ["GET", "HEAD"] }, secret);

/** For chunks that the filer relays: SeaweedFS 4.48 wants one that opens its root, where they are asked for. It goes to the filer alone. */
export const relayToken = (secret: string) => mint({ allowed_prefixes: ["/"], allowed_methods: ["GET"] }, secret);

async function mint(claims: object, secret: string): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + LIFETIME;
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ ...claims, exp })}`;
  const signature = await crypto.subtle.sign("HMAC", await hmacKey(secret, "sign"), new TextEncoder().encode(signed));
  return `${signed}.${base64url(new Uint8Array(signature))}`;
}

const part = (value: object) => base64url(new TextEncoder().encode(JSON.stringify(value)));
