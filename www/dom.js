// Making and finding elements.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** element("li", { className: "row" }, "text", child) */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
