/** Medians of rounds, and a bootstrap interval for the ratio of two of them. */

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Whole numbers below `end` that depend on nothing but the order of calls. @param {number} end */
function picker(end) {
  let state = 0x2545f491;
  return () => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state % end;
  };
}

/**
 * median(a) / median(b) and where it lies with a probability of 95 %: rounds are drawn anew with replacement, both
 * samples of a round together, so that drift which hits both does not widen the interval.
 * @param {readonly number[]} a @param {readonly number[]} b  ms, one a round
 */
export function ratioOf(a, b, draws = 2000) {
  const pick = picker(a.length);
  const ratios = Array.from({ length: draws }, () => {
    const rounds = a.map(pick);
    return median(rounds.map((i) => a[i])) / median(rounds.map((i) => b[i]));
  }).sort((x, y) => x - y);
  const at = (/** @type {number} */ share) => ratios[Math.round(share * (draws - 1))];
  return { ratio: median(a) / median(b), low: at(0.025), high: at(0.975) };
}
