// The speed of the servers of a store: latency, rates, and shared links.
import { Link } from "./link.mjs";

/** The speed of all servers, and of single ones. */
export class Shape {
  /** Milliseconds before the headers of a chunk, at the volume servers and relayed by the filer. */
  latency = 0;
  /** Bytes per second of each response; 0: no limit. */
  rate = 0;
  /** The link of all servers. */
  link = new Link();
  #servers = new Map();

  /**
   * Changes one server from now on, also responses in flight. Values that are not given are those of all servers.
   * @param {{ latency?: number, rate?: number, link?: number }} own `link`: bytes per second of its own link, before the shared one
   */
  set(server, { latency, rate, link = 0 }) {
    const line = this.#servers.get(server)?.link ?? new Link();
    line.rate = link;
    this.#servers.set(server, { latency, rate, link: line });
  }

  latencyOf(server) {
    return this.#servers.get(server)?.latency ?? this.latency;
  }

  rateOf(server) {
    return this.#servers.get(server)?.rate ?? this.rate;
  }

  /** The links that the responses of a server pass, in order. */
  linksOf(server) {
    if (!this.#servers.has(server)) this.set(server, {});
    return [this.#servers.get(server).link, this.link];
  }
}
