/**
 * <pmoe-board>: the input, a grid of cells, as many as the board has that it is shown.  Arrow keys move, Enter, Space or a click asks for the pad
 * ('pmoe-open'), Delete empties a cell ('pmoe-erase'); both events carry {cell}.  It shows bytes that it is given and
 * knows nothing of models; drawing is <pmoe-pad>'s.
 *
 * The markup may come with its parts, which are then used, and with a recorded picture as the background of
 * .board-picture; the first live picture covers it.
 */
import { find, findAll, html, isFine, paint, RovingGrid } from './dom.js';

export const CELL = 28;
const START = 4; /* cells along a side until a board is shown */
const INK = 32; /* as in the C core: a cell without a pixel of this grey is empty */

/** @param {Uint8Array} pixels  a board  @returns {number} its side in pixels */
const sideOf = (pixels) => Math.sqrt(pixels.length);

/** @param {Uint8Array} pixels  a board  @returns {number} its cells */
export const cellCount = (pixels) => pixels.length / CELL ** 2;

/** @param {Uint8Array} pixels  a board  @param {number} cell  @returns {Uint8Array} a copy, [28][28] */
export function cellPixels(pixels, cell) {
  const out = new Uint8Array(CELL * CELL);
  eachRow(pixels, cell, (from, row) => out.set(pixels.subarray(from, from + CELL), row * CELL));
  return out;
}

/** @param {Uint8Array} pixels  a board, changed  @param {number} cell  @param {Uint8Array} digit  [28][28] */
export function setCellPixels(pixels, cell, digit) {
  eachRow(pixels, cell, (to, row) => pixels.set(digit.subarray(row * CELL, (row + 1) * CELL), to));
}

/** @param {Uint8Array} pixels  a board  @returns {number[]} cells without ink */
export function emptyCells(pixels) {
  return Array.from({ length: cellCount(pixels) }, (_, cell) => cell).filter((cell) => !hasInk(pixels, cell));
}

/** Copies nothing and stops at the first ink: it runs before the first answer.  @param {Uint8Array} pixels  @param {number} cell */
function hasInk(pixels, cell) {
  const [start, side] = [startOf(pixels, cell), sideOf(pixels)];
  for (let row = start; row < start + CELL * side; row += side)
    for (let at = row; at < row + CELL; at++) if (pixels[at] >= INK) return true;
  return false;
}

/** @param {Uint8Array} pixels  @param {number} cell  @returns {number} where its first pixel is */
function startOf(pixels, cell) {
  const side = sideOf(pixels);
  const grid = side / CELL;
  return Math.floor(cell / grid) * CELL * side + (cell % grid) * CELL;
}

/** @param {Uint8Array} pixels  @param {number} cell  @param {(offset: number, row: number) => void} visit */
function eachRow(pixels, cell, visit) {
  const start = startOf(pixels, cell);
  for (let row = 0; row < CELL; row++) visit(start + row * sideOf(pixels), row);
}

export class PmoeBoard extends HTMLElement {
  /** @type {HTMLElement[]} */
  #cells = [];
  /** @type {RovingGrid|undefined} */
  #grid;
  #picture = html('canvas');

  connectedCallback() {
    if (this.#grid) return;
    if (!this.children.length) this.#make(START);
    this.#bind();
    this.addEventListener('click', (event) => this.#ask('pmoe-open', event.target));
    this.addEventListener('keydown', (event) => this.#onKey(event));
  }

  #bind() {
    this.#cells = findAll(this, '.board-cell');
    this.#picture = find(this, '.board-canvas');
    const grid = Math.sqrt(this.#cells.length);
    this.#grid = new RovingGrid(this.#cells, grid);
    this.classList.toggle('is-fine', isFine(grid));
  }

  /** @param {number} grid  cells along a side */
  #make(grid) {
    const cells = Array.from({ length: grid * grid }, (_, i) =>
      html('div', { role: 'gridcell', class: 'board-cell', 'data-cell': i }, html('span', { class: 'cell-number', 'aria-hidden': 'true' }, String(i + 1))),
    );
    const rows = Array.from({ length: grid }, (_, r) => html('div', { role: 'row' }, ...cells.slice(r * grid, (r + 1) * grid)));
    const side = grid * CELL;
    this.replaceChildren(
      html('div', { class: 'board-picture' }, html('canvas', { class: 'board-canvas', width: side, height: side })),
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

  /** @param {Uint8Array} pixels  of a board of any size  @param {string[]} names  what each cell is, for its accessible name */
  show(pixels, names) {
    if (names.length !== this.#cells.length) {
      this.#make(Math.sqrt(names.length));
      this.#bind();
    }
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
