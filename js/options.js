// Checks the user's options: the result is the core's `Settings`. The core has the defaults of numbers and switches.
import { abortSignal, aesKey, boolean, bytes, callable, dictionary, hexBytes, integer, integerOr, number, originList, requestUrl, string, word } from "./check.js";
import { Decoding } from "./codec/decoding.js";
import { KelpError } from "./error.js";
import { hasSubtle } from "./platform.js";
import { defaultPool, Pool, poolWorkers } from "./pool.js";
import { fetchWithin } from "./redirects.js";
import { runtime } from "./runtime.js";

const NAMES =
  "signal fetch headers origins concurrency maxConcurrency perHost maxBytesAhead holes verify decoder workers throttle retry timeout pool priority hedge onProgress onEvent";

/** The options that every open function has. `home`: the only origin that gets `headers`; `more`: names of further options. */
export function settings(options, home, more = "") {
  const given = dictionary(options, "options", NAMES + more);
  const retry = dictionary(given.retry, "retry", "passes baseDelay maxDelay");
  const timeout = dictionary(given.timeout, "timeout", "headers idle");
  const maxConcurrency = integer(given.maxConcurrency, "maxConcurrency", undefined, 1);
  const concurrency = integerOr("auto", given.concurrency, "concurrency", "auto", 1);
  const pool = given.pool === undefined ? defaultPool() : given.pool;
  if (!(pool instanceof Pool)) throw new TypeError("pool must be a Pool");
  const origins = originList(given.origins);
  const send = callable(given.fetch, "fetch");
  const workers = integerOr("auto", given.workers, "workers", undefined, 0);
  const own = headers(given.headers);
  return {
    signal: abortSignal(given.signal),
    fetch: origins === undefined ? send : fetchWithin(origins, send, home, own),
    origins,
    headers: origins === undefined ? own : [],
    // What they give access to is not for everyone.
    isPrivate: own.length > 0,
    home,
    // As src/hosts/web/settings.rs reads them: what is absent is NaN, a switch 0 or 1, and a word its place among those that there are.
    numbers: Float64Array.of(
      concurrency === "auto",
      concurrency === "auto" ? maxConcurrency : concurrency,
      place(given.priority, "priority", ["normal", "high", "low"]),
      boolean(given.hedge, "hedge"),
      integer(given.perHost, "perHost", undefined, 1),
      integer(given.maxBytesAhead, "maxBytesAhead", undefined, 1),
      place(given.holes, "holes", ["zero", "error"]),
      place(given.verify, "verify", ["stream", "transit", "strict", "off"]),
      number(given.throttle, "throttle", undefined, Number.MIN_VALUE),
      runtime.maxMetadataBytes,
      integer(retry.passes, "retry.passes", undefined, 1, 100),
      number(retry.baseDelay, "retry.baseDelay"),
      number(retry.maxDelay, "retry.maxDelay"),
      number(timeout.headers, "timeout.headers", undefined, Number.MIN_VALUE),
      number(timeout.idle, "timeout.idle", undefined, Number.MIN_VALUE),
    ),
    decoding: new Decoding(decryptsNatively(given.decoder), ...poolWorkers(pool, workers)),
    onEvent: callable(given.onEvent, "onEvent"),
    needsMore: given.onEvent !== undefined,
    onProgress: callable(given.onProgress, "onProgress"),
    pool,
  };
}

const place = (value, name, words) => words.indexOf(word(value, name, words));

/** The options of files that a filer stores. `file`: the URL of the file there, if it is opened by it. */
export function filerSettings(options, file) {
  const given = dictionary(options, "options");
  const { locate = "proxy", filerToken } = given;
  const filer = given.filer === undefined ? undefined : requestUrl(given.filer, "filer");
  // The filer may be below a path of a reverse proxy.
  const base = filer ? filer.origin + filer.pathname.replace(/\/+$/, "") : file?.origin;
  if (file && !file.href.startsWith(`${base}/`)) throw new RangeError("url must be below filer");
  const checked = settings(given, (filer ?? file)?.origin ?? "", " filer locate token filerToken sse");
  const masters = typeof locate === "object" && locate !== null
    ? [locate.master].flat().map((url) => requestUrl(url, "locate.master").href)
    : undefined;
  if (masters?.length === 0) throw new RangeError("locate.master must have a URL");
  if (typeof locate !== "function" && !masters) word(locate, "locate", ["proxy"]);
  if (filerToken !== undefined && typeof filerToken !== "string" && typeof filerToken !== "function") {
    throw new TypeError("filerToken must be a string or a function");
  }
  const { customerKey, kek } = dictionary(given.sse, "sse", "customerKey kek");
  const customer = aesKey(bytes(customerKey, "sse.customerKey"), "sse.customerKey");
  const keyEncryption = aesKey(hexBytes(kek, "sse.kek"), "sse.kek");
  return {
    ...checked,
    needsMore: checked.needsMore || [masters, typeof locate === "function", given.token, filerToken, customer, keyEncryption].some(Boolean),
    isPrivate: checked.isPrivate || [given.token, filerToken, customer, keyEncryption, file?.search, filer?.search].some(Boolean),
    filer: base ?? "",
    proxy: locate === "proxy" && base !== undefined,
    masters,
    locate: typeof locate === "function" ? locate : undefined,
    token: callable(given.token, "token"),
    filerToken: typeof filerToken === "string" ? () => filerToken : filerToken,
    customerKey: customer,
    kek: keyEncryption,
  };
}

/** The options of `openUrl`. */
export function urlSettings(options, url) {
  const given = dictionary(options, "options");
  const size = integer(given.size, "size");
  const chunkSize = integer(given.chunkSize, "chunkSize", undefined, 1);
  const name = string(given.name, "name");
  const type = string(given.type, "type");
  return { ...settings(given, url.origin, " size chunkSize name type"), size, chunkSize, name, type };
}

/** Pairs of name and value. */
function headers(value) {
  try {
    return [...new Headers(value)];
  } catch {
    // The platform's error repeats the value, which may be a secret.
    throw new TypeError("headers must be names and values that a request can have");
  }
}

/** Whether WebCrypto decrypts. */
function decryptsNatively(value) {
  const wanted = word(value, "decoder", ["auto", "native", "wasm"]);
  if (wanted === "native" && !hasSubtle()) {
    throw new KelpError("unsupported", 'decoder "native" needs WebCrypto, which this platform does not have (pages have it over https only)');
  }
  return wanted !== "wasm" && hasSubtle();
}
