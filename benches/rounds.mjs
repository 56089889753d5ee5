// Runs several ways in turns, so that a disturbance affects all of them; ratios are taken within a round.

/**
 * @param {Record<string, () => Promise<Record<string, number>>>} ways each resolves to its figures
 * @returns {Promise<Samples>}
 */
export async function interleave(ways, rounds, warmUp = 1) {
  const names = Object.keys(ways);
  const samples = new Samples(names);
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of rotated(names, round + warmUp)) {
      const sample = await ways[name]();
      if (round >= 0) samples.add(name, sample);
    }
  }
  return samples;
}

// In reverse order every other round: otherwise a way always pays for the garbage of the same predecessor.
function rotated(list, by) {
  const turned = list.map((_, i) => list[(i + by) % list.length]);
  return by % 2 ? turned.reverse() : turned;
}

/** The figures by way and round. */
export class Samples {
  #lists;

  constructor(names) {
    this.#lists = Object.fromEntries(names.map((name) => [name, []]));
  }

  add(name, sample) {
    this.#lists[name].push(sample);
  }

  /** Median and quartiles of a figure. */
  of(name, figure = "ms") {
    return spread(this.#lists[name].map((sample) => sample[figure]));
  }

  /** Median and quartiles of the ratio of a figure between two ways. */
  ratio(over, under, figure = "ms") {
    return spread(this.#lists[over].map((sample, round) => sample[figure] / this.#lists[under][round][figure]));
  }

  /** Median and quartiles of a number computed from a sample. */
  map(name, number) {
    return spread(this.#lists[name].map(number));
  }
}

function spread(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const last = sorted.length - 1;
  return { mid: (sorted[last >> 1] + sorted[(last + 1) >> 1]) / 2, low: sorted[Math.floor(last / 4)], high: sorted[Math.ceil((last * 3) / 4)] };
}
