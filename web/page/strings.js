/**
 * Everything the page's scripts say, in one language, but for what is fetched on demand, which says strings_more.js.
 * (Words that never change stand in index.html.)
 * Patches are counted from 1 in reading order wherever a person reads or hears them; from 0 in the code.
 */

import { listed } from './format.js';

/** @param {number[]} indices  @returns {string} "3 and 9" */
const ordinals = (indices) => listed(indices.map((i) => String(i + 1)));

/** @param {number[]} indices */
const patches = (indices) => `${indices.length === 1 ? 'patch' : 'patches'} ${ordinals(indices)}`;

export const STRINGS = {

  /* the engine line */
  starting: 'engine: starting',
  loading: (/** @type {string} */ got, /** @type {string} */ all) => `engine: loading weights, ${got} of ${all}`,
  engine: (/** @type {string} */ variant, /** @type {number} */ threads, /** @type {number} */ checks) =>
    `engine: wasm ${variant}, ${threads} thread${threads === 1 ? '' : 's'}, self-test ok (${checks} checks)`,
  oneThread: (/** @type {string} */ reason) => `One thread: ${reason}.`,
  oneUnasked: (/** @type {boolean} */ pay) =>
    `One thread${pay ? '' : ': these networks are too small for more to pay'}. #threads=2 in the address asks for two.`,
  golden: (/** @type {number} */ good, /** @type {number} */ all) =>
    `Stored outputs reproduced by ${good} of ${all} models.`,
  demoted: (/** @type {string} */ variant, /** @type {string} */ reason) => `wasm ${variant} does not run here: ${reason}`,
  noneDemoted: 'Nothing better was passed over.',
  version: (/** @type {string} */ version, /** @type {string} */ bytes) => `pmoe ${version}, wasm module ${bytes}.`,
  engineFailed: 'engine: not running',

  /* the input */
  cell: (/** @type {number} */ i, /** @type {string} */ what) => `Patch ${i + 1}, ${what}`,
  cellEmpty: 'empty',
  cellAnySample: 'a sample digit',
  cellSample: (/** @type {number} */ label) => `a sample of the digit ${label}`,
  cellScrambled: (/** @type {number} */ label) => `made from a sample of the digit ${label}`,
  cellDrawn: 'drawn',
  cellPicture: 'part of your picture',
  truth: (/** @type {string} */ label, /** @type {number} */ patch) =>
    `Board from the test digits: its digit is a ${label}, in patch ${patch + 1}.`,
  truthStands: (/** @type {string} */ label, /** @type {number} */ patch) =>
    `Patch ${patch + 1} still holds this board\u2019s own ${label}.`,
  truthReplace: 'Replace it',
  yours: 'Your board.',
  picture: (/** @type {boolean} */ inverted) =>
    inverted
      ? 'Your picture, cropped to a square, in grey, and inverted: the networks know white ink on black.'
      : 'Your picture, cropped to a square and in grey.',
  loadingSet: (/** @type {string} */ got, /** @type {string} */ all) => `Loading, ${got} of ${all}.`,
  boardEmpty: 'The board is empty: draw a digit or shuffle.',
  cellsEmpty: (/** @type {number[]} */ cells, /** @type {number} */ n) =>
    cells.length > 4
      ? `${cells.length} of the ${n} patches are empty. The networks know full boards only, so nothing is predicted.`
      : `${cells.length === 1 ? 'Patch' : 'Patches'} ${ordinals(cells)} ${cells.length === 1 ? 'is' : 'are'} empty. ` +
        'The networks know full boards only, so nothing is predicted.',
  fill: 'Fill with random digits',
  shuffle: 'Shuffle',
  samplesTitle: (/** @type {number} */ cell) => `Patch ${cell + 1}`,
  sampleDigit: (/** @type {number} */ label) => `a ${label}`,
  more: 'Others',
  done: 'Done',

  /* the pad */
  padTitle: (/** @type {number} */ cell) => `Patch ${cell + 1}`,
  padName: (/** @type {number} */ cell) =>
    `Drawing pad for patch ${cell + 1}. Arrow keys move the pen, Space puts it down or lifts it, ` +
    'Delete clears, Escape closes.',
  padSeen: 'What the network sees: 28 \u00d7 28',
  padSamples: 'Samples',
  padHint: 'Draw with one stroke or several. By keys: arrows move the pen, Space puts it down or lifts it.',
  clear: 'Clear',
  penDown: 'pen down',
  penUp: 'pen up',
  cleared: 'cleared',

  /* what the experts took */
  expert: (/** @type {string} */ name) => `Expert ${name}`,
  chip: (/** @type {string} */ name, /** @type {number[]} */ picks) => `Expert ${name}: ${picks.length ? patches(picks) : STRINGS.off}`,
  patch: (/** @type {number} */ i) => `Patch ${i + 1}`,
  kept: (/** @type {string} */ gate) => `kept, gate ${gate}`,
  notKept: 'not kept',
  off: 'off',
  scores: (/** @type {number} */ i) => `Patch ${i + 1} on each expert\u2019s scale of scores`,
  allOff: 'All experts are off: what comes after them sees zeros.',
  noRouting: 'Nothing is routed while a patch is empty.',
  routesNote: (/** @type {number} */ experts, /** @type {number} */ kept, /** @type {number} */ n) =>
    `${experts} expert${experts === 1 ? '' : 's'}; each keeps the ${kept} of ${n} patches with its highest scores.`,
  hardGate: 'Every kept patch counts fully (gate 1).',
  softGate: 'The height of the fill is the gate: the weight of a patch among those its expert kept.',
  chipsName: 'Experts shown',
  tableTitle: 'All picks, gates and scores as a table',
  tableHead: (/** @type {number} */ n) => ['Expert', 'Kept patches (gate), highest score first', `Scores of patches 1 to ${n}`],

  /* what it said and what it cost */
  allPatches: (/** @type {number} */ n) => (n ? `all ${n} patches` : 'dense, the whole picture'),
  somePatches: (/** @type {number} */ experts, /** @type {number} */ kept) => `${experts} experts, ${kept} patches each`,
  someExperts: (/** @type {number} */ experts, /** @type {number} */ kept) => `${kept === experts ? 'all' : `${kept} of`} ${experts} experts`,
  multiplyAdds: 'multiply-adds',
  topClasses: (/** @type {number} */ n) => `The ${n} likeliest classes`,
  microseconds: '\u00b5s',
  milliseconds: 'ms',
  spread: (/** @type {string} */ text) => `\u00b1 ${text}`,
  calls: (/** @type {string} */ samples, /** @type {string} */ calls) => `median of ${samples} \u00d7 ${calls} calls`,
  notMeasured: 'not measured',
  accuracy: (/** @type {string} */ percent) => `test accuracy as trained ${percent} %`,
  ratio: (/** @type {string} */ ratio) => `${ratio}\u00d7`,
  ledgerTitle: (/** @type {string} */ dense) => `How many times less than the ${dense}`,
  theory: 'counted',
  here: 'measured',
  measuredHere: (/** @type {string} */ step, /** @type {number} */ threads) =>
    `Measured in this browser, ${threads === 1 ? 'one thread' : `up to ${threads} threads`}, one image at a time; \u00b1 is half the interquartile range; ` +
    `smallest step of the clock ${step}.`,
  measuringNow: 'Measuring now.',
  untilThen: (/** @type {string} */ now, /** @type {string} */ recorded) => `${now} Until then: ${recorded[0].toLowerCase()}${recorded.slice(1)}`,
  timingWaits: 'Times are taken when the board rests.',

  /* announcements: one sentence a model, one for each of the few experts */
  heard: (/** @type {string} */ model, /** @type {string} */ label, /** @type {string} */ percent) =>
    `${model} says ${label}, ${percent} percent.`,
  heardTook: (/** @type {string} */ name, /** @type {number[]} */ picks) =>
    `Expert ${name} took ${patches([...picks].sort((a, b) => a - b))}.`,
  heardMost: (/** @type {string[]} */ pairs) => `Highest scores: ${listed(pairs)}.`,
  heardPair: (/** @type {string} */ name, /** @type {number} */ patch) => `expert ${name} for patch ${patch + 1}`,

  /* refused and failed */
  unknownKey: (/** @type {string} */ key) => `The address has a part that this page does not know, \u201c${key}\u201d; it is ignored.`,
  badValue: (/** @type {string} */ key, /** @type {string} */ value, /** @type {string} */ expected) =>
    `The address says ${key}=${value}; expected is ${expected}. The usual value is used.`,
  fetchStatus: (/** @type {string} */ file, /** @type {number} */ status) =>
    `${file} could not be loaded: the server answered ${status}.`,
  fetchFailed: (/** @type {string} */ file) => `${file} could not be loaded: no answer from the server. Are you offline?`,
  pasteNothing: 'What was pasted holds no picture.',
};
