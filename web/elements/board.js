/**
 * <pmoe-board>: the input, a grid of 4 x 4 big cells.  Arrow keys move, Enter, Space or a click asks for the pad
 * ('pmoe-open'), Delete empties a cell ('pmoe-erase'); both events carry {cell}.  It shows bytes that it is given and
 * knows nothing of models; drawing is <pmoe-pad>'s.
 *
 * The markup may come with its parts, which are then used, and with a recorded picture as the background of
 * .board-picture; the first live picture covers it.
 */
import { find, findAll, html, paint, RovingGrid } from './dom.js';

const GRID = 4;
export const CELL = 28;
export const BOARD = GRID * CELL;
export const CELLS = GRID * GRID;
const INK = 32; /* as in the C core: a cell without a pixel of this grey is empty */

/** @param {Uint8Array} pixels  a board  @param {number} cell  @returns {Uint8Array} a copy, [28][28] */
export function cellPixels(pixels, cell) {
  const out = new Uint8Array(CELL * CELL);
  eachRow(cell, (from, row) => out.set(pixels.subarray(from, from + CELL), row * CELL));
  return out;
}

/** @param {Uint8Array} pixels  a board, changed  @param {number} cell  @param {Uint8Array} digit  [28][28] */
export function setCellPixels(pixels, cell, digit) {
  eachRow(cell, (to, row) => pixels.set(digit.subarray(row * CELL, (row + 1) * CELL), to));
}

/** @param {Uint8Array} pixels  a board  @returns {number[]} cells without ink */
export function emptyCells(pixels) {
  return Array.from({ length: CELLS }, (_, cell) => cell).filter((cell) => !hasInk(pixels, cell));
}

/** Copies nothing and stops at the first ink: it runs before the first answer.  @param {Uint8Array} pixels  @param {number} cell */
function hasInk(pixels, cell) {
  const start = startOf(cell);
  for (let row = start; row < start + CELL * BOARD; row += BOARD)
    for (let at = row; at < row + CELL; at++) if (pixels[at] >= INK) return true;
  return false;
}

/** @param {number} cell  @returns {number} where its first pixel is */
const startOf = (cell) => Math.floor(cell / GRID) * CELL * BOARD + (cell % GRID) * CELL;

/** @param {number} cell  @param {(offset: number, row: number) => void} visit */
function eachRow(cell, visit) {
  const start = startOf(cell);
  for (let row = 0; row < CELL; row++) visit(start + row * BOARD, row);
}

export class PmoeBoard extends HTMLElement {
  /** @type {HTMLElement[]} */
  #cells = [];
  /** @type {RovingGrid|undefined} */
  #grid;
  #picture = html('canvas');

  connectedCallback() {
    if (this.#grid) return;
    if (!this.children.length) this.#make();
    this.#cells = findAll(this, '.board-cell');
    this.#picture = find(this, '.board-canvas');
    this.#grid = new RovingGrid(this.#cells, GRID);
    this.addEventListener('click', (event) => this.#ask('pmoe-open', event.target));
    this.addEventListener('keydown', (event) => this.#onKey(event));
  }

  #make() {
    const cells = Array.from({ length: CELLS }, (_, i) =>
      html('div', { role: 'gridcell', class: 'board-cell', 'data-cell': i }, html('span', { class: 'cell-number', 'aria-hidden': 'true' }, String(i + 1))),
    );
    const rows = Array.from({ length: GRID }, (_, r) => html('div', { role: 'row' }, ...cells.slice(r * GRID, (r + 1) * GRID)));
    this.append(
      html('div', { class: 'board-picture' }, html('canvas', { class: 'board-canvas', width: BOARD, height: BOARD })),
      html('div', { role: 'grid', class: 'board-grid', 'aria-labelledby': 'input-title', 'aria-describedby': 'board-help' }, ...rows),
    );
  }

  /** The cell that has the focus, or had it last. */
  get cell() {
    return this.#grid?.at ?? 0;
  }

  /** @param {number} cell */
  focusCell(cell) {
    this.#grid?.select(cell);
    this.#grid?.focus();
  }

  /** @param {Uint8Array} pixels  @param {string[]} names  what each cell is, for its accessible name */
  show(pixels, names) {
    paint(this.#picture, pixels);
    const empty = emptyCells(pixels);
    this.#cells.forEach((cell, i) => {
      cell.setAttribute('aria-label', names[i]);
      cell.classList.toggle('is-empty', empty.includes(i));
    });
  }

  /** @param {string} type  @param {EventTarget|null} target */
  #ask(type, target) {
    const cell = target instanceof Element ? target.closest('.board-cell') : null;
    if (!(cell instanceof HTMLElement)) return;
    this.#grid?.select(Number(cell.dataset.cell));
    this.dispatchEvent(new CustomEvent(type, { detail: { cell: Number(cell.dataset.cell) } }));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const type = { Enter: 'pmoe-open', ' ': 'pmoe-open', Delete: 'pmoe-erase', Backspace: 'pmoe-erase' }[event.key];
    if (!type) return;
    event.preventDefault();
    this.#ask(type, event.target);
  }
}

customElements.define('pmoe-board', PmoeBoard);
