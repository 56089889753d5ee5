// Text that is made from a seed and gzips about 4.3 times, as logs and prose do. `prose` of tests/store repeats itself: it gzips 8.6 times.

const SYLLABLES = ["ka", "lo", "mi", "ren", "tu", "sha", "pel", "or", "dan", "ve", "ist", "qui", "gra", "nel", "bo", "wy"];
/** Words in the text. A word's frequency falls with its rank, as in a language. */
const WORDS = 3000;

/** @returns {Buffer} `size` bytes of words and lines */
export function text(seed, size) {
  const random = generator(seed);
  const words = vocabulary();
  const out = Buffer.alloc(size);
  for (let at = 0, word = 1; at < size; word++) {
    const chosen = words[Math.floor(WORDS ** random()) - 1];
    at += out.write(chosen + (word % 14 === 0 ? "\n" : " "), at, "latin1");
  }
  return out;
}

/** Words of two to five syllables. */
function vocabulary() {
  const random = generator(0);
  const syllable = () => SYLLABLES[Math.floor(random() * SYLLABLES.length)];
  return Array.from({ length: WORDS }, () => Array.from({ length: 2 + Math.floor(random() * 4) }, syllable).join(""));
}

/** Numbers from 0 to 1, without 1 (xorshift32). */
function generator(seed) {
  let state = 0x9e3779b9 ^ Math.imul(seed + 1, 0x85ebca6b);
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
