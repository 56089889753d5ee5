// Runs behaviours in other processes: client.js there requests the next behaviour, and its calls to the store.
import { text } from "node:stream/consumers";
import { decode, encode } from "./wire.js";

/** The queue of behaviours, and the clients that wait for one. */
export class Dispatcher {
  #waiting = []; #idle = []; #running = new Map(); #last = 0; #over = false;

  /** The routes that client.js uses, for `servePackage`. */
  routes = {
    "/next": (_, response) => this.#next((task) => send(response, { id: task?.id, name: task?.name })),
    "/ask": async (request, response) => {
      const { method, args } = decode(await text(request));
      const { control } = this.#of(request);
      const asked = (async () => control[method](...args))();
      send(response, await asked.then((result) => ({ result }), ({ message }) => ({ error: message })));
    },
    "/done": async (request, response) => {
      const { failures, skipped } = decode(await text(request));
      const task = this.#of(request);
      this.#running.delete(task.id);
      send(response, {});
      if (failures.length > 0) task.fail(new Error(failures.join("\n\n")));
      else task.done(skipped);
    },
  };

  /** Runs a behaviour by its name. Rejects with its failure; resolves to the reason if it was skipped. */
  run(name, control) {
    return new Promise((done, fail) => {
      this.#waiting.push({ id: String(++this.#last), name, control, done, fail });
      this.#match();
    });
  }

  /** Ends all clients: there is no further behaviour. */
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
      const task = this.#waiting.shift();
      this.#running.set(task.id, task);
      this.#idle.shift()(task);
    }
    if (this.#over) for (const give of this.#idle.splice(0)) give(undefined);
  }

  #of(request) {
    const task = this.#running.get(urlOf(request).searchParams.get("id"));
    if (!task) throw new Error("this task has ended already");
    return task;
  }
}

const urlOf = ({ url }) => new URL(url, "http://localhost");
const send = (response, value) => response.writeHead(200, { "content-type": "application/json" }).end(encode(value));
