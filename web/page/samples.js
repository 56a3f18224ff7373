/**
 * The picker: real test digits from the sheet, two of each class at a time, one of which goes into the selected cell.
 * Labels are read once, when the picker first opens.
 */
import { html, paintGrey, RovingGrid } from '../elements/dom.js';
import { STRINGS } from './strings.js';

/** @typedef {{pixels: Uint8Array, label: number}} Digit */

const WIDE = 5;
const EACH = 2;

export class SamplePicker {
  #panel;
  #load;
  #choose;
  #close;
  /** @type {Digit[][]|null} by label */
  #byLabel = null;
  #page = 0;

  /**
   * @param {HTMLElement} panel
   * @param {() => Promise<Digit[]>} load
   * @param {(digit: Digit) => void} choose
   * @param {() => void} close
   */
  constructor(panel, load, choose, close) {
    this.#panel = panel;
    this.#load = load;
    this.#choose = choose;
    this.#close = close;
    panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      close();
    });
  }

  /** @param {number} cell */
  async open(cell) {
    this.#byLabel ??= group(await this.#load());
    this.#render(cell);
  }

  /** @param {number} cell */
  #render(cell) {
    const shown = (this.#byLabel ?? []).flatMap((digits) =>
      Array.from({ length: Math.min(EACH, digits.length) }, (_, i) => digits[(this.#page * EACH + i) % digits.length]),
    );
    const buttons = shown.map((digit) => this.#button(digit));
    const [done, more] = [html('button', { type: 'button' }, STRINGS.done), html('button', { type: 'button' }, STRINGS.more)];
    done.addEventListener('click', this.#close);
    more.addEventListener('click', () => {
      this.#page++;
      this.#render(cell);
    });
    this.#panel.replaceChildren(
      html('div', { class: 'overlay-head' }, html('h3', { id: 'samples-title' }, STRINGS.samplesTitle(cell)), more, done),
      html('div', { class: 'samples' }, ...buttons),
    );
    this.#panel.hidden = false;
    new RovingGrid(buttons, WIDE).focus();
  }

  /** @param {Digit} digit */
  #button(digit) {
    const picture = html('canvas', { width: 28, height: 28 });
    paintGrey(picture, digit.pixels);
    const button = html('button', { type: 'button', class: 'sample', 'aria-label': STRINGS.sampleDigit(digit.label), 'data-label': digit.label }, picture);
    button.addEventListener('click', () => this.#choose(digit));
    return button;
  }
}

/** @param {Digit[]} digits */
function group(digits) {
  /** @type {Digit[][]} */
  const byLabel = [];
  for (const digit of digits) (byLabel[digit.label] ??= []).push(digit);
  return byLabel.filter(Boolean);
}
