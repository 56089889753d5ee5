// What one runtime does better in its own way. An entry point of the package sets it once, before anything runs, so that pages do
// not load the code of workerd.

/** The ways of this runtime. */
export const runtime = {
  /** Makes a reader of a body: `(body, length?) => { read(), cancel() }`, or `undefined` if the body has to be read as elsewhere. */
  bodyReader: undefined,
  /** `autoAllocateChunkSize` of the byte streams that the package creates. */
  autoAllocateChunkSize: undefined,
  /** Whether a timer may act for several requests, so that the pieces of a small body are reported together. */
  gathers: true,
  /** The longest entry, text or chunk manifest in bytes. */
  maxMetadataBytes: 64 * 2 ** 20,
  /** The default of `maxCacheBytes`; the core's if absent. */
  maxCacheBytes: undefined,
  /** Whether the bodies of the responses that the package creates are byte streams. */
  respondsInBytes: true,
};

/** A reader of a body that gives large pieces, where this runtime has one. `length`: returns what the response says, if it does. */
export function bodyReader(body, length) {
  return runtime.bodyReader?.(body, length());
}
