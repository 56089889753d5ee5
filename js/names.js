// Names of options that there are not: most are misspelt, and what they set has no effect.

const warned = new Set();

/** Warns of each name that is not among `known`, separated by spaces: once a name, with the nearest known one. */
export function warnOfUnknown(options, known) {
  const names = known.split(" ");
  for (const name of Object.keys(options)) {
    if (names.includes(name) || options[name] === undefined || warned.has(name)) continue;
    warned.add(name);
    const [[, nearest]] = names.map((each) => [distance(name.toLowerCase().slice(0, 40), each.toLowerCase()), each]).sort(([a], [b]) => a - b);
    console.warn(`kelp-stream: there is no option ${JSON.stringify(name)}, so it is ignored. The nearest is "${nearest}".`);
  }
}

/** How many letters must be inserted, removed or replaced to make one text of the other (Levenshtein). */
function distance(from, to) {
  let row = [...to, 0].map((_, i) => i);
  [...from].forEach((letter, i) => {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) next.push(Math.min(next[j] + 1, row[j + 1] + 1, row[j] + (letter === to[j] ? 0 : 1)));
    row = next;
  });
  return row[to.length];
}
