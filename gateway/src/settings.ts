// The variables and secrets of a deployment (wrangler.toml), checked.

export interface Env {
  FILER?: string;
  MASTER?: string;
  ALLOWED_ORIGINS?: string;
  ALLOW_PREFIXES?: string;
  URL_KEYS?: string;
  URL_SECRET?: string;
  URL_MAX_AGE?: string;
  URL_DOWNLOADS?: string;
  HOSTS?: string;
  PUBLIC?: string;
  FILER_SECRET?: string;
  READ_SECRET?: string;
  SSE_KEK?: string;
  CACHE_CONTROL?: string;
  CORS?: string;
  SUBREQUESTS?: string;
  CONNECTIONS?: string;
  MEMORY_MIB?: string;
  QUEUE_SECONDS?: string;
  STALL_SECONDS?: string;
  CLIENT_SECONDS?: string;
  LEAST_RATE?: string;
  AUDIT?: string;
  ENTRY_TTL?: string;
  CHUNK_TTL?: string;
  VERIFY?: string;
  DIRECT?: string;
}

export interface Settings {
  filer: URL;
  master: URL | null;
  /** The only origins that may be contacted. */
  origins: Set<string>;
  /** Decoded paths without a trailing slash; the empty one allows all. */
  prefixes: string[];
  /** Whether URLs need a signature. */
  isSigned: boolean;
  /** Secrets that sign URLs, by the id of their key. */
  urlKeys: Map<string, string>;
  /** Signs URLs of the former form; `null`: they are refused. */
  urlSecret: string | null;
  /** Seconds that a signature is valid at most. */
  maxAge: number;
  /** Downloads of one signed URL at a time. */
  urlDownloads: number;
  /** The only hosts that are served; `null`: every one. */
  hosts: Set<string> | null;
  filerSecret: string | null;
  readSecret: string | null;
  sseKek: string | null;
  cacheControl: string;
  cors: string | null;
  subrequests: number;
  connections: number;
  /** Bytes that all downloads of the isolate may hold together. */
  memory: number;
  /** Milliseconds that a request waits for memory. */
  queue: number;
  /** Milliseconds after which a client that takes nothing gives its memory back, and for which it is waited in all. */
  stall: number;
  patience: number;
  /** Bytes a second that a client must take, measured over `patience`. */
  leastRate: number;
  /** Whether each request is a line in the log. */
  audit: boolean;
  /** Seconds for which entries, and stored chunks, are cached; 0 disables the cache. */
  entryTtl: number;
  chunkTtl: number;
  /** How digests of plain chunks are checked. */
  verify: "stream" | "transit" | "strict" | "off";
  /** Whether bodies of plain chunks are passed through without the core. */
  direct: boolean;
}

/** A variable is missing or wrong. The message is for the log: clients do not see it, and it contains no value. */
export class Misconfigured extends Error {}

/** @throws {Misconfigured} */
export function settingsFrom(env: Env): Settings {
  const filer = origin("FILER", env.FILER ?? "");
  const master = env.MASTER ? origin("MASTER", env.MASTER) : null;
  const others = list(env.ALLOWED_ORIGINS).map((value) => origin("ALLOWED_ORIGINS", value).origin);
  const prefixes = list(env.ALLOW_PREFIXES).map(prefix);
  const verify = word("VERIFY", env.VERIFY, ["stream", "transit", "strict", "off"]);
  if (prefixes.length === 0) throw new Misconfigured("ALLOW_PREFIXES is empty: no path would be served");
  const urlKeys = keys(env.URL_KEYS);
  const isSigned = urlKeys.size > 0 || !!env.URL_SECRET;
  if (!isSigned && env.PUBLIC !== "yes") throw new Misconfigured('neither URL_KEYS nor PUBLIC = "yes" is set');
  // The core computes several MD5s at a time, which takes less CPU than one after another.
  const direct = word("DIRECT", env.DIRECT, verify === "off" || verify === "transit" ? ["yes", "no"] : ["no", "yes"]) === "yes";
  if (direct && verify === "strict") throw new Misconfigured('DIRECT = "yes" sends bytes while they are checked, and VERIFY = "strict" forbids it');
  return {
    filer,
    master,
    origins: new Set([filer.origin, ...(master ? [master.origin] : []), ...others]),
    prefixes,
    isSigned,
    urlKeys,
    urlSecret: env.URL_SECRET || null,
    // That of presigned URLs of S3.
    maxAge: integer("URL_MAX_AGE", env.URL_MAX_AGE, 7 * 86_400, 1),
    urlDownloads: integer("URL_DOWNLOADS", env.URL_DOWNLOADS, 16, 1),
    hosts: env.HOSTS ? new Set(list(env.HOSTS).map(host)) : null,
    filerSecret: env.FILER_SECRET || null,
    readSecret: env.READ_SECRET || null,
    sseKek: env.SSE_KEK ? key("SSE_KEK", env.SSE_KEK) : null,
    // The stored value is not used: a shared cache would serve the file to clients without a signature.
    cacheControl: env.CACHE_CONTROL || "private, no-cache",
    cors: env.CORS || null,
    // The limit of the free plan. At least 2: the entry takes one.
    subrequests: integer("SUBREQUESTS", env.SUBREQUESTS, 50, 2),
    connections: integer("CONNECTIONS", env.CONNECTIONS, 6, 1),
    // Of 128 MB. Code, wasm and the runtime take the rest.
    memory: integer("MEMORY_MIB", env.MEMORY_MIB, 80, 1) * 2 ** 20,
    queue: integer("QUEUE_SECONDS", env.QUEUE_SECONDS, 10, 0) * 1000,
    stall: integer("STALL_SECONDS", env.STALL_SECONDS, 5, 1) * 1000,
    patience: integer("CLIENT_SECONDS", env.CLIENT_SECONDS, 60, 1) * 1000,
    leastRate: integer("LEAST_RATE", env.LEAST_RATE, 1024, 1),
    audit: word("AUDIT", env.AUDIT, ["no", "yes"]) === "yes",
    entryTtl: integer("ENTRY_TTL", env.ENTRY_TTL, 0, 0),
    chunkTtl: integer("CHUNK_TTL", env.CHUNK_TTL, 0, 0),
    verify,
    direct,
  };
}

const list = (text = "") => text.split(/[\s,]+/).filter((part) => part !== "");

function origin(name: string, value: string): URL {
  const url = parsed(value);
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search || url.hash || url.username || url.password) {
    throw new Misconfigured(`${name} must be an origin, as https://filer.example:8888`);
  }
  return url;
}

function parsed(value: string): URL | null {
  try {
    return new URL(value);
  } catch {
    return null;
  }
}

function prefix(value: string): string {
  if (!value.startsWith("/")) throw new Misconfigured("ALLOW_PREFIXES must be paths that begin with a slash");
  return value.replace(/\/+$/, "");
}

/** `<id>:<secret>` pairs. */
function keys(text: string | undefined): Map<string, string> {
  const pairs = list(text).map((pair): [string, string] => {
    const [, id = "", secret = ""] = /^([\w-]{1,32}):(.{32,})$/.exec(pair) ?? [];
    if (id === "") throw new Misconfigured("URL_KEYS must be pairs <id>:<secret>, with a secret of at least 32 characters");
    return [id, secret];
  });
  const all = new Map(pairs);
  if (all.size < pairs.length) throw new Misconfigured("URL_KEYS has two keys with the same id");
  return all;
}

/** A host as a URL has it: in lower case, with the port if it is not that of the scheme. */
function host(value: string): string {
  const url = parsed(`https://${value}`);
  if (!url || url.host !== value.toLowerCase()) throw new Misconfigured("HOSTS must be hosts, as files.example.com or files.example.com:8443");
  return url.host;
}

/** 32 bytes as hexadecimal digits. */
function key(name: string, text: string): string {
  if (!/^[\da-f]{64}$/i.test(text)) throw new Misconfigured(`${name} must be 64 hexadecimal digits`);
  return text;
}

/** One of these words; the first is the default. */
function word<Word extends string>(name: string, text: string | undefined, words: [Word, ...Word[]]): Word {
  const found = words.find((each) => each === (text || words[0]));
  if (found === undefined) throw new Misconfigured(`${name} must be one of ${words.join(", ")}`);
  return found;
}

function integer(name: string, text: string | undefined, fallback: number, min: number): number {
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min) throw new Misconfigured(`${name} must be a whole number from ${min}`);
  return value;
}
