// Behaviours that run elsewhere than in this process: whoever asks for one is given it, and all that it asks of its store.
import { text } from "node:stream/consumers";
import { decode, encode } from "./wire.js";

/** What is to be run, and where it is asked for. */
export class Errands {
  #waiting = []; #idle = []; #given = new Map(); #last = 0; #over = false;

  /** For `servePackage`: what client.js asks. */
  routes = {
    "/next": (_, response) => this.#next((errand) => send(response, { id: errand?.id, name: errand?.name })),
    "/ask": async (request, response) => {
      const { method, args } = decode(await text(request));
      const { control } = this.#of(request);
      const asked = (async () => control[method](...args))();
      send(response, await asked.then((result) => ({ result }), ({ message }) => ({ error: message })));
    },
    "/done": async (request, response) => {
      const { failures, skipped } = decode(await text(request));
      const errand = this.#of(request);
      this.#given.delete(errand.id);
      send(response, {});
      if (failures.length > 0) errand.fail(new Error(failures.join("\n\n")));
      else errand.done(skipped);
    },
  };

  /** Runs a behaviour by its name; rejects with what failed, resolves to why it was skipped, if it was. */
  run(name, control) {
    return new Promise((done, fail) => {
      this.#waiting.push({ id: String(++this.#last), name, control, done, fail });
      this.#match();
    });
  }

  /** Nothing more is to be run: who asks is told so, and ends. */
  end() {
    this.#over = true;
    this.#match();
  }

  #next(give) {
    this.#idle.push(give);
    this.#match();
  }

  #match() {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const errand = this.#waiting.shift();
      this.#given.set(errand.id, errand);
      this.#idle.shift()(errand);
    }
    if (this.#over) for (const give of this.#idle.splice(0)) give(undefined);
  }

  #of(request) {
    const errand = this.#given.get(urlOf(request).searchParams.get("id"));
    if (!errand) throw new Error("this errand is over");
    return errand;
  }
}

const urlOf = ({ url }) => new URL(url, "http://localhost");
const send = (response, value) => response.writeHead(200, { "content-type": "application/json" }).end(encode(value));
