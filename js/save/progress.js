import { notify } from "../functions.js";

/** The least time between two reports in milliseconds. */
const INTERVAL = 100;

/** Reports how far a file is written. */
export class Watch {
  #file;
  #report;
  #received;
  #last = 0;
  #written = 0;

  constructor(file, report) {
    this.#file = file;
    this.#report = report;
    this.#received = file.stats.bytesReceived;
  }

  /** `bytes` of the file are written. */
  wrote(bytes) {
    this.#written = bytes;
    if (Date.now() - this.#last >= INTERVAL) this.#notify();
  }

  end() {
    this.#notify();
  }

  #notify() {
    this.#last = Date.now();
    const { size, stats } = this.#file;
    notify(this.#report, { delivered: this.#written, received: stats.bytesReceived - this.#received, total: size }, "onProgress");
  }
}
