// An open file.
import { dictionary, range, string, word } from "./check.js";
import { more } from "./more.js";
import { problem } from "./problem.js";
import { readableFromFirstPiece, drain, readable } from "./stream.js";
import { calling } from "./trap.js";

export class RemoteFile {
  #core;
  #signal;
  #functions;

  /** `functions`: the user's, which the core refers to weakly. */
  constructor(core, signal, functions) {
    this.#core = core;
    this.#signal = signal;
    this.#functions = functions;
  }

  get size() {
    return this.#core.size;
  }

  get name() {
    return this.#core.name;
  }

  get type() {
    return this.#core.type;
  }

  get etag() {
    return this.#core.etag ?? null;
  }

  get lastModified() {
    return this.#core.lastModified ?? null;
  }

  get stats() {
    return this.#core.stats;
  }

  stream(given) {
    const { start, end, signal } = range(given, this.size);
    this.#core.checkOpen();
    return readable(() => this.#open(start, end), [signal, this.#signal]);
  }

  async bytes(given) {
    const clipped = range(given, this.size);
    const all = new Uint8Array(clipped.end - clipped.start);
    let at = 0;
    await this.#each(clipped, (piece) => {
      all.set(piece, at);
      at += piece.length;
    });
    return all;
  }

  async arrayBuffer(given) {
    return (await this.bytes(given)).buffer;
  }

  async blob(given) {
    const pieces = [];
    await this.#each(range(given, this.size), (piece) => pieces.push(piece));
    return new Blob(pieces, { type: this.type });
  }

  async text(given) {
    const decoder = new TextDecoder();
    let text = "";
    await this.#each(range(given, this.size), (piece) => (text += decoder.decode(piece, { stream: true })));
    return text + decoder.decode();
  }

  /** `waits`: for the first piece, so that the status says whether there is one. */
  async response(request, options, waits = true) {
    const { disposition, name } = dictionary(options, "options", "disposition name");
    const fields = ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];
    const asked = [
      request?.method ?? "GET",
      ...fields.map((name) => request?.headers.get(name)),
      disposition === undefined ? undefined : word(disposition, "disposition", ["inline", "attachment"]),
      string(name, "name"),
    ];
    await more();
    const reply = this.#core.respond(asked);
    const { status, headers, start, end } = reply;
    // Otherwise workerd would encode a body again that is stored encoded. Other platforms ignore this field.
    const init = { status, headers, encodeBody: "manual" };
    if (start === undefined) return new Response(null, init);
    const signals = [request?.signal, this.#signal];
    if (!waits) return new Response(readable(() => this.#open(start, end), signals), init);
    let body;
    try {
      body = await readableFromFirstPiece(() => this.#open(start, end), signals);
    } catch (error) {
      if (signals.some((signal) => signal?.aborted)) throw error;
      return problem(error);
    }
    return new Response(body, init);
  }

  plan(given) {
    const { start, end } = range(given, this.size);
    return calling(() => this.#core.plan(start, end));
  }

  close() {
    this.#core.close();
  }

  /** Opens a stream of the core, which may be read longer than the file is referred to. */
  #open(start, end) {
    return Object.assign(calling(() => this.#core.stream(start, end)), { functions: this.#functions });
  }

  async #each({ start, end, signal }, take) {
    await drain(() => this.#open(start, end), [signal, this.#signal], take);
  }
}

// Safari, and Node before 18.18, do not have it.
if (Symbol.dispose) {
  Object.defineProperty(RemoteFile.prototype, Symbol.dispose, { value: RemoteFile.prototype.close, writable: true, configurable: true });
}
