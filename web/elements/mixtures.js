/**
 * <pmoe-mixtures>: where networks send whole images to experts, which experts this image was sent to.  A row of experts
 * for each network: letter, colour and pattern, the gate as a bar and a number, the kept ones framed.  Hover, focus or
 * touch tells the exact gate and score in the line below, which else names the largest gates.
 *
 * @typedef {import('../engine/protocol.js').Prediction} Prediction
 * @typedef {import('../engine/protocol.js').Mixing} Mixing
 *
 * @typedef {object} Mixture
 * @property {string} id
 * @property {string} label
 * @property {number} experts
 * @property {number} kept
 */
import { find, findAll, html, svg, RovingGrid } from './dom.js';
import { colourClass, letter, patternDefs, patternFill } from './experts.js';
import { decimalsForValues, fixed } from '../page/format.js';
import { STRINGS } from '../page/strings_more.js';

const BAR = { width: 20, height: 48 };
const MOST_NAMED = 3;
const EXACT = 6; /* decimals of a gate */
const PATTERNS = 'mixture';

/** @param {Mixing} mixing  @param {number} e  @returns {number|null} null: not kept */
function gateOf({ picks, gates }, e) {
  const at = picks.indexOf(e);
  return at < 0 ? null : gates[at];
}

/** @param {Mixing} mixing  @param {number} e  @returns {string} all that is known of this expert */
function exactly(mixing, e) {
  const gate = gateOf(mixing, e);
  const score = fixed(mixing.scores[e], decimalsForValues(mixing.scores) + 2);
  return gate === null ? STRINGS.mixtureNotKept(letter(e), score) : STRINGS.mixtureKept(letter(e), gate.toFixed(EXACT), score);
}

/** @param {Mixing} mixing */
const largest = ({ picks, gates }) => STRINGS.mixtureBest(picks.slice(0, MOST_NAMED).map((e, i) => `${letter(e)} ${gates[i].toFixed(2)}`));

export class PmoeMixtures extends HTMLElement {
  /** @type {Mixture[]} */
  #mixtures = [];
  /** @type {(Mixing|undefined)[]} */
  #mixings = [];

  /** @param {Mixture[]} mixtures */
  setModels(mixtures) {
    this.#mixtures = mixtures;
    this.#mixings = [];
    const most = Math.max(...mixtures.map(({ experts }) => experts));
    this.replaceChildren(
      svg('svg', { class: 'mixture-patterns', width: 0, height: 0, 'aria-hidden': 'true' }, patternDefs(most, PATTERNS)),
      ...mixtures.map((mixture) => this.#make(mixture)),
    );
  }

  /** @param {Mixture} mixture */
  #make({ id, label, experts, kept }) {
    const cells = Array.from({ length: experts }, (_, e) => makeExpert(e));
    const readout = html('p', { class: 'mixture-readout' });
    const at = this.#mixtures.findIndex((mixture) => mixture.id === id);
    cells.forEach((cell, e) => {
      for (const type of ['pointerenter', 'focus', 'click']) cell.addEventListener(type, () => this.#point(at, e));
      for (const type of ['pointerleave', 'blur']) cell.addEventListener(type, () => this.#point(at, -1));
    });
    new RovingGrid(cells, experts);
    return html(
      'section',
      { class: 'mixture', 'data-model': id },
      html('h3', { id: `mixture-${id}` }, label),
      html('p', { class: 'caption' }, STRINGS.mixtureOf(experts, kept)),
      html('div', { role: 'grid', 'aria-labelledby': `mixture-${id}` }, html('div', { class: 'mixture-row', role: 'row' }, ...cells)),
      readout,
    );
  }

  /** @param {(Prediction|undefined)[]} predictions  in the order of the mixtures; none: nothing is answered */
  show(predictions) {
    this.#mixings = predictions.map((prediction) => prediction?.mixture);
    this.#mixtures.forEach(({ id }, at) => {
      const mixing = this.#mixings[at];
      findAll(find(this, `[data-model="${id}"]`), '.mixture-expert').forEach((cell, e) => showExpert(cell, e, mixing));
      this.#point(at, -1);
    });
  }

  /** @param {number} at  which mixture  @param {number} e  which expert; -1: none */
  #point(at, e) {
    const mixing = this.#mixings[at];
    const readout = find(this, `[data-model="${this.#mixtures[at].id}"] .mixture-readout`);
    readout.textContent = !mixing ? STRINGS.mixtureNothing : e < 0 ? largest(mixing) : exactly(mixing, e);
  }
}

/** @param {number} e */
function makeExpert(e) {
  const { width, height } = BAR;
  return html(
    'div',
    { role: 'gridcell', class: `mixture-expert ${colourClass(e)}`, 'data-expert': e },
    html('span', { class: 'badge', 'aria-hidden': 'true' }, letter(e)),
    svg(
      'svg',
      { class: 'mixture-bar', viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' },
      svg('rect', { class: 'class-track', width, height }),
      svg('rect', { class: 'mixture-fill', width, height: 0, fill: patternFill(e, PATTERNS) }),
    ),
    html('span', { class: 'mixture-gate', 'aria-hidden': 'true' }, '\u2013'),
  );
}

/** @param {HTMLElement} cell  @param {number} e  @param {Mixing|undefined} mixing */
function showExpert(cell, e, mixing) {
  const gate = mixing ? gateOf(mixing, e) : null;
  const tall = BAR.height * Math.min(1, Math.max(0, gate ?? 0));
  const fill = find(cell, '.mixture-fill');
  fill.setAttribute('height', String(tall));
  fill.setAttribute('y', String(BAR.height - tall));
  cell.classList.toggle('is-kept', gate !== null);
  cell.setAttribute('aria-label', mixing ? exactly(mixing, e) : letter(e));
  find(cell, '.mixture-gate').textContent = gate === null ? '\u2013' : gate.toFixed(2);
}

customElements.define('pmoe-mixtures', PmoeMixtures);
