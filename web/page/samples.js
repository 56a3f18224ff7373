/**
 * The picker: samples of an input, two of each class at a time, one of which is chosen.  Fetched when it is first
 * needed.
 *
 * @typedef {object} Sample
 * @property {Uint8Array} pixels  grey or colour
 * @property {number} side        in pixels
 * @property {number} label       number of its class
 * @property {string} name
 */
import { html, paint, RovingGrid } from '../elements/dom.js';
import { STRINGS } from './strings.js';

const WIDE = 5;
const EACH = 2;

export class SamplePicker {
  #panel;
  #close;
  #page = 0;

  /** @param {HTMLElement} panel  @param {() => void} close */
  constructor(panel, close) {
    this.#panel = panel;
    this.#close = close;
    panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      close();
    });
  }

  /**
   * @template {Sample} S
   * @param {string} title  @param {S[]} samples  @param {(sample: S) => void} choose
   */
  open(title, samples, choose) {
    const buttons = this.#inTurn(samples).map((sample) => {
      const button = makeButton(sample);
      button.addEventListener('click', () => choose(sample));
      return button;
    });
    const [done, more] = [html('button', { type: 'button' }, STRINGS.done), html('button', { type: 'button' }, STRINGS.more)];
    done.addEventListener('click', this.#close);
    more.addEventListener('click', () => {
      this.#page++;
      this.open(title, samples, choose);
    });
    this.#panel.replaceChildren(
      html('div', { class: 'overlay-head' }, html('h3', { id: 'samples-title' }, title), more, done),
      html('div', { class: 'samples' }, ...buttons),
    );
    this.#panel.hidden = false;
    new RovingGrid(buttons, WIDE).focus();
  }

  /** @template {Sample} S  @param {S[]} samples  @returns {S[]} those whose turn it is */
  #inTurn(samples) {
    /** @type {S[][]} */
    const byLabel = [];
    for (const sample of samples) (byLabel[sample.label] ??= []).push(sample);
    return byLabel.flatMap((same) => Array.from({ length: Math.min(EACH, same.length) }, (_, i) => same[(this.#page * EACH + i) % same.length]));
  }
}

/** @param {Sample} sample */
function makeButton({ pixels, side, label, name }) {
  const picture = html('canvas', { width: side, height: side });
  paint(picture, pixels);
  return html('button', { type: 'button', class: 'sample', 'aria-label': name, 'data-label': label }, picture);
}
