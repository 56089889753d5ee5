// The colours of the canvases: the custom properties of the style sheet, in the current colour scheme.
const NAMES = ["ink", "muted", "faint", "line", "chosen", "held", "bad", "warn", "accent", "soft"];

/** { ink, muted, ..., hosts: [...] } */
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ...Object.fromEntries(NAMES.map((name) => [name, read(name)])), hosts: [0, 1, 2, 3, 4, 5].map((number) => read(`host${number}`)) };
}
