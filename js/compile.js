// Compiles a wasm module from wherever it comes.

/** The module from a URL, a Response, bytes, a compiled module, or a promise of one of them. */
export async function compile(found) {
  let source = await found;
  if (typeof source === "string" || source instanceof URL) source = await fetch(source);
  if (source instanceof WebAssembly.Module) return source;
  if (typeof source?.arrayBuffer !== "function") return WebAssembly.compile(source);
  if (!source.ok) throw new TypeError(`${source.url.split(/[?#]/)[0].split("/").pop()} cannot be loaded: HTTP ${source.status}`);
  // Without the media type, streaming compilation fails.
  if (source.headers.get("content-type")?.startsWith("application/wasm")) return WebAssembly.compileStreaming(source);
  return WebAssembly.compile(await source.arrayBuffer());
}
