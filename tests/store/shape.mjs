// How fast the servers of a store are: latency, rates, and the lines that their answers share.
import { Link } from "./link.mjs";

/** What holds for all servers, and what holds for one. */
export class Shape {
  /** Milliseconds before the headers of a chunk, at the volume servers and through the filer. */
  latency = 0;
  /** Bytes a second for each response; 0 for as fast as it goes. */
  rate = 0;
  /** The line of all servers. */
  link = new Link();
  #servers = new Map();

  /**
   * What is otherwise with one server, from now on, answers under way included; what is not named is as with the others.
   * @param {{ latency?: number, rate?: number, link?: number }} own `link`: bytes a second of a line of its own, before that of all
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

  /** The lines that what a server sends goes over, one after another. */
  linksOf(server) {
    if (!this.#servers.has(server)) this.set(server, {});
    return [this.#servers.get(server).link, this.link];
  }
}
