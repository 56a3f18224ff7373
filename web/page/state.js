/**
 * The state that a link carries, in the part of the address after '#': a table of keys, each with its type, range and
 * default.  Unknown keys and bad values are reported and ignored.  What was drawn is not part of it.
 *
 * @typedef {object} State
 * @property {'auto'|import('../engine/protocol.js').Variant} wasm
 * @property {number} threads   0: one, or as it pays for a variant with threads
 * @property {import('./models.js').InputSet['id']} set
 * @property {string} model   routed model shown; '' for the first one of the set
 * @property {number} seed
 * @property {number} index   of the board, or of the photograph in the sheet of samples
 * @property {number} l       what if the experts of the model shown kept so many patches?  0: as many as it was trained with
 * @property {string} off     what if these experts of it were off?  Letters, "A,C"
 */
import { SETS, findSet } from './models.js';

const LARGEST = 2 ** 31 - 1;
const MOST_KEPT = 4096;

/** @param {string[]} names */
const oneOf = (names) => ({
  expected: names.join(', '),
  /** @param {string} text */
  read: (text) => (names.includes(text) ? text : undefined),
});

/** @param {number} most */
const upTo = (most) => ({
  expected: `a whole number from 0 to ${most}`,
  /** @param {string} text */
  read: (text) => (/^\d{1,10}$/.test(text) && Number(text) <= most ? Number(text) : undefined),
});

/** @type {Record<string, {expected: string, read: (text: string) => string|number|undefined, initial: string|number}>} */
const KEYS = {
  wasm: { ...oneOf(['auto', 'scalar', 'simd', 'simd-threads', 'relaxed', 'relaxed-threads']), initial: 'auto' },
  threads: { ...upTo(16), initial: 0 },
  set: { ...oneOf(SETS.map((set) => set.id)), initial: SETS[0].id },
  model: { ...oneOf(SETS.flatMap((set) => set.models.slice(1).map((model) => model.id))), initial: '' },
  seed: { ...upTo(LARGEST), initial: 1 },
  index: { ...upTo(LARGEST), initial: 0 },
  l: { ...upTo(MOST_KEPT), initial: 0 },
  off: { expected: 'letters of experts, as in A,C', read: (text) => (/^[A-Z]{1,2}(,[A-Z]{1,2}){0,63}$/.test(text) ? text : undefined), initial: '' },
};

/**
 * @typedef {object} Problem
 * @property {string} key
 * @property {string} value
 * @property {string} [expected]  absent: the key itself is unknown
 */

/**
 * @param {string} hash  with or without its '#'
 * @returns {{state: State, problems: Problem[]}}
 */
export function readState(hash) {
  /** @type {Record<string, string|number>} */
  const state = Object.fromEntries(Object.entries(KEYS).map(([key, { initial }]) => [key, initial]));
  /** @type {Problem[]} */
  const problems = [];
  for (const [key, value] of new URLSearchParams(hash.replace(/^#/, ''))) {
    const known = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    const read = known?.read(value);
    if (read !== undefined) state[key] = read;
    else problems.push({ key, value, expected: known?.expected });
  }
  const { photos } = findSet(String(state.set));
  if (photos && Number(state.index) >= photos.count) {
    problems.push({ key: 'index', value: String(state.index), expected: upTo(photos.count - 1).expected });
    state.index = KEYS.index.initial;
  }
  return { state: /** @type {State} */ (/** @type {unknown} */ (state)), problems };
}

/** @param {State} state  @returns {string} '' or '#...' with what differs from the defaults */
export function writeState(state) {
  const pairs = Object.entries(state).filter(([key, value]) => value !== KEYS[key].initial);
  return pairs.length ? `#${pairs.map(([key, value]) => `${key}=${value}`).join('&')}` : ''; /* no value has a letter that needs escaping */
}
