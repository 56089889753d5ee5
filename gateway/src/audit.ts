// One line of JSON for each request in the log, when its body has ended. It has no query: a signature in the log would be access.

/** Characters of a path in the log. */
const LONGEST = 1000;

export class Audit {
  /** The id of the key that signed the URL. */
  key: string | null = null;
  #began = Date.now();
  #method: string;
  #path: string;
  #isOn: boolean;
  #isWritten = false;

  constructor({ method }: Request, { pathname }: URL, isOn: boolean) {
    this.#method = method;
    this.#path = pathname.slice(0, LONGEST);
    this.#isOn = isOn;
  }

  /** Writes the line, the first time. `bytes` of the body that the client took. */
  end(status: number, bytes: number): void {
    if (!this.#isOn || this.#isWritten) return;
    this.#isWritten = true;
    const time = new Date(this.#began).toISOString();
    console.log(JSON.stringify({ time, method: this.#method, path: this.#path, key: this.key, status, bytes, ms: Date.now() - this.#began }));
  }
}
