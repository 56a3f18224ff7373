/**
 * Making elements in one line, and the keys of a grid.  No templates, no diffing: the figures make their parts once
 * and change attributes afterwards.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {Node|string|null|undefined|false} Child */

/**
 * @param {Element} element
 * @param {Record<string, string|number|boolean|null|undefined>} attributes  null, undefined and false leave one out
 * @param {Child[]} children
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes))
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  for (const child of children) if (child) element.append(child);
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string|number|boolean|null|undefined>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string|number|boolean|null|undefined>} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = /** @type {SVGElementTagNameMap[Tag]} */ (document.createElementNS(SVG, tag));
  fill(element, attributes, children);
  return element;
}

/**
 * The first element that matches, which must be there.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {T}
 */
export function find(root, selector) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`nothing here matches ${selector}`);
  return /** @type {T} */ (found);
}

/**
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root  @param {string} selector
 * @returns {T[]} every element that matches, in the order of the document
 */
export const findAll = (root, selector) => /** @type {any} */ ([...root.querySelectorAll(selector)]);

/**
 * Grey or colour bytes onto a canvas of the same size.
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} pixels  [height * width], or three times as many
 */
export function paint(canvas, pixels) {
  const context = canvas.getContext('2d');
  if (!context) return;
  const image = context.createImageData(canvas.width, canvas.height);
  const rgba = new Uint32Array(image.data.buffer); /* alpha is the last byte: every browser's machine is little-endian */
  if (pixels.length === rgba.length) for (let i = 0; i < rgba.length; i++) rgba[i] = 0xff000000 | (pixels[i] * 0x010101);
  else for (let i = 0; i < rgba.length; i++) rgba[i] = 0xff000000 | (pixels[3 * i + 2] << 16) | (pixels[3 * i + 1] << 8) | pixels[3 * i];
  context.putImageData(image, 0, 0);
}

/** @param {number} wide  cells a row  @returns {boolean} they are small: what stands in them is drawn with less around it */
export const isFine = (wide) => wide > 4;

/**
 * Arrow keys, Home, End and Page keys over cells in reading order.  Exactly one cell is in the tab order.
 */
export class RovingGrid {
  #cells;
  #wide;
  #at = 0;

  /** @param {HTMLElement[]} cells  @param {number} wide  cells a row */
  constructor(cells, wide) {
    this.#cells = cells;
    this.#wide = wide;
    cells.forEach((cell, i) => {
      cell.addEventListener('keydown', (event) => this.#onKey(event));
      cell.addEventListener('focus', () => this.select(i));
    });
    this.select(0);
  }

  get at() {
    return this.#at;
  }

  /** @param {number} index */
  select(index) {
    this.#at = index;
    this.#cells.forEach((cell, i) => (cell.tabIndex = i === index ? 0 : -1));
  }

  focus() {
    this.#cells[this.#at]?.focus();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.altKey || event.metaKey) return;
    const last = this.#cells.length - 1;
    const column = this.#at % this.#wide;
    const row = this.#at - column;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowLeft: column > 0 ? this.#at - 1 : this.#at,
      ArrowRight: column < this.#wide - 1 ? this.#at + 1 : this.#at,
      ArrowUp: this.#at - this.#wide,
      ArrowDown: this.#at + this.#wide,
      Home: event.ctrlKey ? 0 : row,
      End: event.ctrlKey ? last : row + this.#wide - 1,
      PageUp: column,
      PageDown: last - (this.#wide - 1) + column,
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    if (target < 0 || target > last) return;
    this.select(target);
    this.focus();
  }
}
