// A stand-in for React, as far as the example uses it: one component, `useState` and `useEffect`.
let current;

export const createElement = (type, props, ...children) => ({ type, props: { ...props, children } });

export function useState(initial) {
  const { slots, update } = current;
  const slot = (slots[current.next++] ??= { value: initial });
  const set = (next) => {
    const value = typeof next === "function" ? next(slot.value) : next;
    if (!Object.is(value, slot.value)) update(() => { slot.value = value; });
  };
  slot.set ??= set;
  return [slot.value, slot.set];
}

export function useEffect(effect, inputs) {
  const slot = (current.slots[current.next++] ??= {});
  if (slot.inputs?.every((input, index) => Object.is(input, inputs[index]))) return;
  current.effects.push(() => {
    slot.cleanUp?.();
    Object.assign(slot, { inputs, cleanUp: effect() });
  });
}

/** Renders a component, and again with each change of its state; `show` gets the element. Returns how to unmount it. */
export function render(component, props, show) {
  const instance = { slots: [], next: 0, effects: [], update: (change) => { change(); queueMicrotask(draw); } };
  const draw = () => {
    current = Object.assign(instance, { next: 0, effects: [] });
    show(component(props));
    for (const effect of instance.effects) effect();
  };
  draw();
  return () => instance.slots.forEach(({ cleanUp }) => cleanUp?.());
}
