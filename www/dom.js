// Finds, changes and creates elements.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Sets the text of an element only if it changed, so that screen readers and the layout are not disturbed. */
export function write(element, value) {
  const text = String(value);
  if (element.textContent !== text) element.textContent = text;
}

/** element("li", { className: "row" }, "text", child) */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
