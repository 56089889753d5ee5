// The legend of hosts: a letter and a colour for each host that was sent a request.
import { byId, element, write } from "./dom.js";
import { formatBytes, formatCount } from "./format.js";

/** Shows the hosts of a timeline. Changes only the text that differs. */
export function showHosts(hosts) {
  const list = byId("hosts");
  if (list.children.length > hosts.size) list.replaceChildren();
  [...hosts].forEach(([name, host], index) => showHost(list.children[index] ?? list.appendChild(newItem()), name, host));
}

const newItem = () => element("li", {}, element("b"), element("span"));

function showHost({ firstChild: mark, lastChild: about }, name, { letter, colour, requests, bytes, hedges, failures }) {
  write(mark, letter);
  mark.className = `host${colour}`;
  const more = [...(hedges.length > 0 ? [formatCount(hedges.length, "hedge")] : []), ...(failures.length > 0 ? [formatCount(failures.length, "failure")] : [])];
  write(about, [`${name || "unknown"}: ${formatCount(requests, "request")}`, formatBytes(bytes), ...more].join(", "));
}
