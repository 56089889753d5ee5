// What the core waits for in JavaScript: a response, what a function of the user's returns, a digest. Each has a number, its ticket, with
// which what happens is reported. So the core makes no promise and no closure of its own, and nothing of the core lives as long as a
// promise of the platform does: what comes for a ticket that was given up is dropped.

// What comes for a ticket; `src/hosts/web/ticket.rs` has the same numbers.
export const HEAD = 0;
export const PIECE = 1;
export const END = 2;
export const FAILED = 3;
/** The result, a number or a text; nothing follows. */
export const VALUE = 4;

/** Reports what happens: `(ticket, kind, count, text, value)`. The core only notes it. */
export let report;
/** The names of the header fields that the core reads. */
export let fields;

/** Sets what gets everything that happens. `names`: of the header fields, separated by commas. */
export function listen(callback, names) {
  report = callback;
  fields = names.split(",");
}

/**
 * Reports what `call` returns, or what its promise resolves to, as the text that `read` makes of it. `abort` is called if it is given up
 * before. Returns what `cancel` is called of.
 */
export function settle(ticket, call, read, abort) {
  let isOver = false;
  const end = (kind, text, thrown) => {
    if (isOver) return;
    isOver = true;
    report(ticket, kind, 0, text, thrown);
  };
  const fail = (thrown) => end(FAILED, undefined, thrown);
  const take = (returned) => {
    let text;
    try {
      text = read(returned);
    } catch (thrown) {
      return fail(thrown);
    }
    end(VALUE, text);
  };
  const cancel = () => {
    if (isOver) return;
    isOver = true;
    abort?.();
  };
  try {
    const returned = call();
    // A value needs no promise.
    if (typeof returned?.then === "function") Promise.resolve(returned).then(take, fail);
    else take(returned);
  } catch (thrown) {
    fail(thrown);
  }
  return { cancel };
}
