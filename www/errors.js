// What each error code means, and what to do about it. docs/errors.md has the same for programs.

const ADVICE = {
  network: ["The connection failed.", "Check that the server runs and that this page may reach it. A browser also reports this if the server sends no CORS headers, or if an https page requests from an http server."],
  timeout: ["The server did not respond, or stopped sending, within the timeout.", "Try again. If it stays slow, reduce the concurrency or raise the timeout."],
  http: ["The server answered with an error status.", "The status is below. 429 and 5xx are often temporary: try again later."],
  unauthorized: ["The server requires a token that is missing, expired or wrong.", "Check the read tokens (token, filerToken) and the clocks of both machines: tokens expire within seconds."],
  not_found: ["There is no such file, or every replica lacks one of its chunks.", "Reload the list. If the file is listed, its volume is lost or not mounted: check the volume servers."],
  no_locations: ["No location of this chunk is known.", "The volume servers that hold it may be down or starting: try again in a moment."],
  range: ["The server answered with other bytes than requested.", "A proxy or cache in between may mishandle Range: bypass it."],
  short_body: ["A chunk is shorter than the file's metadata says.", "A connection may have broken: try again. If it stays, the stored chunk is damaged."],
  long_body: ["A chunk is longer than the file's metadata says.", "The file was replaced, or a proxy changes the response: open the file again."],
  corrupt: ["The bytes are not those that were stored: a digest or an authentication tag does not match.", "Trying again does not help. Restore the file, or repair the replica. Do not use the bytes of this chunk that were delivered."],
  manifest: ["The list of the file's chunks cannot be read.", "The entry or a chunk manifest is damaged: restore the file. No zeros were delivered in its place."],
  source_changed: ["The file changed while it was read.", "Open it again: the bytes delivered so far belong to the older version."],
  hole: ["The file has bytes that no chunk holds.", "Read it with holes: \"zero\" if zeros are right there."],
  unsupported: ["This kind of file cannot be read here.", "The message names the reason: a directory, a file in remote storage only, an object that S3 encrypted, or a feature that this version lacks."],
  limit: ["A chunk is too large to be decoded in memory.", "Read the file through the filer itself."],
  closed: ["The file was closed while it was read.", "Open it again."],
  internal: ["An internal error of kelp-stream.", "This is a bug: please report it with the message below."],
};

const UNEXPECTED = ["An unexpected error in this page.", "Please report it with the message below."];

/** { code, message, meaning, advice, facts } for anything that was thrown. */
export function explain(error) {
  const [meaning, advice] = ADVICE[error?.code] ?? UNEXPECTED;
  return { code: error?.code ?? error?.name ?? "error", message: String(error?.message ?? error), meaning, advice, facts: factsOf(error) };
}

function factsOf({ chunk, offset, attempts = [], retryable } = {}) {
  return [
    ...(chunk === undefined ? [] : [["Chunk", chunk]]),
    ...(offset === undefined ? [] : [["First byte that was not delivered", offset.toLocaleString("en")]]),
    ...(retryable === undefined ? [] : [["Retryable", retryable ? "yes" : "no"]]),
    ...attempts.map(({ host, status, reason }, index) => [`Attempt ${index + 1}`, [host, status, reason].filter(Boolean).join(" · ")]),
  ];
}
