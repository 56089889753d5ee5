// JSON Web Tokens (HS256) for the servers behind the gateway. Each request gets its own.
import { base64url, hmacKey } from "./hmac";
import type { FilePath } from "./path";

/** Seconds. A token is made when its request is sent. */
const LIFETIME = 10;

/** Reads one chunk at a volume server (`jwt.signing.read`). */
export const chunkToken = (fileId: string, secret: string) => mint({ fid: fileId }, secret);

/** Reads one path of the filer (`jwt.filer_signing.read`). */
export const filerToken = ({ plain }: FilePath, secret: string) =>
  mint({ allowed_prefixes: [plain], allowed_methods: ["GET", "HEAD"] }, secret);

/** Reads chunks that the filer relays: SeaweedFS 4.48 requires a token for the root there. It is sent to the filer only. */
export const relayToken = (secret: string) => mint({ allowed_prefixes: ["/"], allowed_methods: ["GET"] }, secret);

async function mint(claims: object, secret: string): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + LIFETIME;
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ ...claims, exp })}`;
  const signature = await crypto.subtle.sign("HMAC", await hmacKey(secret, "sign"), new TextEncoder().encode(signed));
  return `${signed}.${base64url(new Uint8Array(signature))}`;
}

const part = (value: object) => base64url(new TextEncoder().encode(JSON.stringify(value)));
