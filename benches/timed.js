// Reads a stream to its end, and times it.

const MIB = 2 ** 20;

/**
 * Resolves to the milliseconds of the whole, to the first byte and to the first MiB. `look` gets the share that has arrived. `short`:
 * `size` is where to stop, instead of the whole.
 */
export async function timed(openStream, size, { look = () => {}, short = false } = {}) {
  const begin = performance.now();
  const reader = (await openStream()).getReader();
  let length = 0, first = null, mib = null;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.length;
    first ??= performance.now() - begin;
    if (length >= MIB) mib ??= performance.now() - begin;
    look(length / size);
    if (short && length >= size) break;
  }
  const ms = performance.now() - begin;
  if (short) await reader.cancel();
  if (short ? length < size : length !== size) throw new Error(`${length} of ${size} bytes arrived`);
  return { ms, first, mib };
}
