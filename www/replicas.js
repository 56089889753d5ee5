// The volume servers of the stand-in store: each can be slowed down, stopped and started again, also in mid-stream.
import { byId, element, write } from "./dom.js";
import { setReplica } from "./store.js";
import { letterOf } from "./timeline.js";

/** Shows the replicas of a store. `onRevive` is called when one has been started again. */
export function showReplicas(store, onRevive) {
  byId("replicas").replaceChildren(...store.replicas.map((replica, index) => row(store, replica, index, onRevive)));
  byId("replicas-note").textContent = "";
}

function row(store, replica, index, onRevive) {
  const { letter, colour } = letterOf(index);
  const button = element("button", { type: "button" });
  const state = element("span", { className: "muted small" });
  const range = element("input", { type: "range", id: `slowness-${index}`, min: 1, max: 50, value: replica.slowness, ariaLabel: `Slower, replica ${letter}` });
  const output = element("output");
  const show = () => {
    const { isAlive } = store.replicas[index];
    write(state, isAlive ? "" : "killed");
    write(button, isAlive ? "Kill" : "Revive");
    button.setAttribute("aria-label", `${button.textContent} replica ${letter}`);
    write(output, range.value === "1" ? "no" : `${range.value} times`);
    range.setAttribute("aria-valuetext", output.textContent);
  };
  const change = (what) => setReplica(store, index, what).catch((error) => write(byId("replicas-note"), error.message)).then(show);
  button.addEventListener("click", async () => {
    const isAlive = !store.replicas[index].isAlive;
    await change({ isAlive });
    if (store.replicas[index].isAlive !== isAlive) return;
    if (isAlive) onRevive();
    write(byId("replicas-note"), `Replica ${letter} ${isAlive ? "is back" : "is killed"}.`);
  });
  range.addEventListener("input", () => { show(); change({ slowness: range.valueAsNumber }); });
  show();
  return element("li", {},
    element("div", { className: "replica" }, element("b", { className: `host${colour}` }, letter), element("span", {}, replica.host, state), button),
    element("label", { htmlFor: range.id }, "Slower", output),
    range);
}
