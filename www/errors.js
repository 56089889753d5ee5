// What a failure means, and what to do about it.

const ADVICE = {
  network: ["The connection failed.", "Is the server running, and may this page reach it? A browser also says this when a server sends no CORS headers, or when an https page asks an http server."],
  timeout: ["The server took too long.", "Try again; if it stays slow, lower the look-ahead or allow more time (timeout)."],
  http: ["The server answered with an error.", "The status is below. 429 and 5xx often pass: try again later."],
  unauthorized: ["The server wants a token that it did not get.", "Check the read token (token, filerToken) and the clocks of both machines: tokens live for seconds."],
  not_found: ["There is no such file, or one of its chunks is gone from every replica.", "Reload the list. If the file is there, its volume is lost or not mounted: look at the volume servers."],
  no_locations: ["Nobody knows where this chunk is.", "The volume servers that hold it may be down or starting: try again in a moment."],
  range: ["The server answered with other bytes than were asked for.", "A proxy or a cache in between may mishandle Range: go around it."],
  short_body: ["A chunk is shorter than the file says.", "A connection may have broken: try again. If it stays, the stored chunk is damaged."],
  long_body: ["A chunk goes on beyond its size.", "Something in between changes what the server sends, or the file was replaced: open it again."],
  corrupt: ["The bytes are not those that were stored: a digest or an authentication tag does not match.", "Trying again does not help. Restore the file, or repair the replica. What was delivered of this chunk is not to be used."],
  manifest: ["The list of the file's chunks cannot be read.", "The entry or a chunk manifest is damaged: restore the file. Nothing was filled in with zeros."],
  source_changed: ["The file changed while it was being read.", "Open it again: the bytes so far belong to the older version."],
  hole: ["The file has bytes that no chunk holds.", "Read it with holes: \"zero\" if zeros are meant there."],
  unsupported: ["This kind of file cannot be read here.", "The message says why: a directory, a file kept only in remote storage, an object that S3 encrypted, or something that this version does not know yet."],
  limit: ["A chunk is too large to be decoded in memory.", "Read the file through the filer itself."],
  closed: ["The file was closed while it was being read.", "Open it again."],
  internal: ["kelp-stream broke one of its own rules.", "This is our bug: please report it, with the message below."],
};

const UNEXPECTED = ["Something went wrong in this page.", "Please report it, with the message below."];

/** { code, message, meaning, advice, facts } of anything that was thrown. */
export function explain(error) {
  const [meaning, advice] = ADVICE[error?.code] ?? UNEXPECTED;
  return { code: error?.code ?? error?.name ?? "error", message: String(error?.message ?? error), meaning, advice, facts: factsOf(error) };
}

function factsOf({ chunk, offset, attempts = [], retryable } = {}) {
  return [
    ...(chunk === undefined ? [] : [["Chunk", chunk]]),
    ...(offset === undefined ? [] : [["First byte not delivered", offset.toLocaleString("en")]]),
    ...(retryable === undefined ? [] : [["Worth trying again", retryable ? "yes" : "no"]]),
    ...attempts.map(({ host, status, reason }, index) => [`Attempt ${index + 1}`, [host, status, reason].filter(Boolean).join(" · ")]),
  ];
}
