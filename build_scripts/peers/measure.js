/**
 * Interleaved timing of things that should give the same result: in node and in a browser's worker alike.
 *
 * Every round times every contender once, in an order that moves on by one each round, so that drift hits all alike and
 * nobody always runs after the same neighbour.  Before each sample there is a rest, because thread pools of others spin
 * for a while after their work, and then the contender runs untimed for a while, because the one before has filled the
 * caches and a CPU that rested is slow at first.
 *
 * @typedef {object} Contender
 * @property {string} name
 * @property {(calls: number) => void | Promise<void>} run  so many passes over the same input
 * @property {() => Float32Array | Promise<Float32Array>} logits
 */

const WARM_MS = 150;
const SETTLE_MS = 20;
const SAMPLE_MS = 8;
const CLOCK_STEPS = 200; // a sample spans at least so many
const FEWEST_ROUNDS = 15;
const MOST_ROUNDS = 101;

/** The smallest step that the clock is seen to make, in ms. */
export function clockStep() {
  let least = Infinity;
  for (let i = 0; i < 50; i++) {
    const from = performance.now();
    let to = from;
    while (to === from) to = performance.now();
    least = Math.min(least, to - from);
  }
  return least;
}

/** @param {number} ms */
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls that fill one sample, found while warming up. @param {Contender} contender @param {number} sampleMs */
async function fit(contender, sampleMs) {
  const from = performance.now();
  let calls = 1;
  let took = 0;
  do {
    const began = performance.now();
    await contender.run(calls);
    took = performance.now() - began;
    if (took < sampleMs) calls *= 2;
  } while (took < sampleMs || performance.now() - from < WARM_MS);
  return Math.max(1, Math.round((calls * sampleMs) / took));
}

/**
 * @param {Contender[]} contenders @param {{seconds: number, restMs: number}} options
 * @returns {Promise<Record<string, number[]>>} ms of one call, one number a round
 */
export async function measure(contenders, { seconds, restMs }) {
  const sampleMs = Math.max(SAMPLE_MS, CLOCK_STEPS * clockStep());
  const calls = [];
  for (const contender of contenders) calls.push(await fit(contender, sampleMs));
  /** @type {Record<string, number[]>} */
  const samples = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  const until = performance.now() + 1000 * seconds;
  for (let round = 0; round < MOST_ROUNDS && (round < FEWEST_ROUNDS || performance.now() < until); round++) {
    for (let i = 0; i < contenders.length; i++) {
      const at = (i + round) % contenders.length;
      await rest(restMs);
      const settled = performance.now() + SETTLE_MS;
      do await contenders[at].run(1);
      while (performance.now() < settled);
      const from = performance.now();
      await contenders[at].run(calls[at]);
      samples[contenders[at].name].push((performance.now() - from) / calls[at]);
    }
  }
  return samples;
}

/**
 * That all give the logits of the first, to rounding.
 * @param {Contender[]} contenders @param {number} tolerance  of the largest logit
 * @returns {Promise<Record<string, number>>} the largest difference of each, as a share of the largest logit
 */
export async function compare(contenders, tolerance) {
  const expected = Float32Array.from(await contenders[0].logits());
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  /** @type {Record<string, number>} */
  const differences = {};
  for (const { name, logits } of contenders) {
    const found = await logits();
    if (found.length !== expected.length) throw new Error(`${name}: expected ${expected.length} logits, found ${found.length}`);
    const off = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i])), 0) / largest;
    if (!(off <= tolerance)) throw new Error(`${name}: its logits differ from those of ${contenders[0].name} by ${off} of the largest`);
    differences[name] = off;
  }
  return differences;
}
