/**
 * <pmoe-pad>: draw one cell, by pointer or by keys, with the 28 x 28 that the network sees beside it.  Events:
 * 'pmoe-ink' {ink, width, height} after each change (ink: 0 to 255 a pixel; all 0 after clearing), 'pmoe-restore' when
 * the only stroke was taken back by the system, 'pmoe-samples' and 'pmoe-close'.  Fitting and centring are the engine's, which answers through showSeen().
 *
 * Strokes are kept as points, 0 to 1 in both directions, and drawn twice: for the eye at the screen's own resolution,
 * for the engine on a raster of fixed size, so that what is recognised does not depend on the screen.
 */
import { html, paint } from './dom.js';
import { STRINGS } from '../page/strings.js';

const RASTER = 280;
const PEN = 2.4 / 28; /* width of a stroke: MNIST's pens are about 2 of 28 pixels wide, a little more once blurred */
const STEP = 1 / 28;

/** @typedef {{x: number, y: number}} Point */

export class PmoePad extends HTMLElement {
  /** @type {Point[][]} */
  #strokes = [];
  /** @type {Point[]|null} the stroke being made */
  #open = null;
  /** @type {number|null} */
  #pointer = null;
  /** @type {Point|null} where the keyboard's pen is; null until a key moves it */
  #pen = null;
  #penDown = false;
  /** @type {Uint8Array|null} what the cell held before, until it is cleared ... */
  #before = null;
  /** ... shown faintly until the first stroke */
  #ghost = false;
  #pending = false;

  #title = html('h3', { id: 'pad-title' });
  #ink = html('canvas', { class: 'pad-ink', tabindex: 0, role: 'application' });
  #seen = html('canvas', { class: 'pad-seen', width: 28, height: 28, role: 'img', 'aria-label': STRINGS.padSeen });
  #penState = html('span', { class: 'visually-hidden', role: 'status' });
  #raster = html('canvas', { width: RASTER, height: RASTER });

  connectedCallback() {
    if (this.#title.isConnected) return;
    const button = (/** @type {string} */ text, /** @type {() => void} */ act) => {
      const made = html('button', { type: 'button' }, text);
      made.addEventListener('click', act);
      return made;
    };
    this.setAttribute('role', 'group');
    this.setAttribute('aria-labelledby', 'pad-title');
    this.replaceChildren(
      html(
        'div',
        { class: 'overlay-head' },
        this.#title,
        button(STRINGS.clear, () => this.clear()),
        button(STRINGS.padSamples, () => this.dispatchEvent(new CustomEvent('pmoe-samples'))),
        button(STRINGS.done, () => this.#close()),
      ),
      html(
        'div',
        { class: 'pad-body' },
        this.#ink,
        html(
          'div',
          { class: 'pad-side' },
          this.#seen,
          html('p', { class: 'caption', 'aria-hidden': 'true' }, STRINGS.padSeen),
        ),
        html('p', { class: 'caption pad-hint', 'aria-hidden': 'true' }, STRINGS.padHint),
      ),
      this.#penState,
    );
    this.#listen();
    new ResizeObserver(() => this.#redraw()).observe(this.#ink);
  }

  /** @param {number} cell  @param {Uint8Array} pixels  what it holds */
  open(cell, pixels) {
    this.#strokes = [];
    this.#open = this.#pen = this.#pointer = null;
    this.#penDown = false;
    this.#before = pixels;
    this.#ghost = true;
    this.#title.textContent = STRINGS.padTitle(cell);
    this.#ink.setAttribute('aria-label', STRINGS.padName(cell));
    this.#penState.textContent = '';
    this.showSeen(pixels);
    this.hidden = false;
    this.#redraw();
    this.#ink.focus();
  }

  /** @param {Uint8Array} pixels  [28][28] */
  showSeen(pixels) {
    paint(this.#seen, pixels);
  }

  clear() {
    this.#strokes = [];
    this.#open = this.#before = null;
    this.#ghost = false;
    if (this.#penDown && this.#pen) this.#begin(this.#pen);
    this.#penState.textContent = STRINGS.cleared;
    this.#changed();
  }

  /** @param {Uint8Array} before */
  #restore(before) {
    this.#ghost = true;
    this.showSeen(before);
    this.#redraw();
    this.dispatchEvent(new CustomEvent('pmoe-restore'));
  }

  #close() {
    this.dispatchEvent(new CustomEvent('pmoe-close'));
  }

  #listen() {
    const ink = this.#ink;
    ink.addEventListener('pointerdown', (event) => {
      if (this.#pointer !== null || event.button !== 0) return; /* a second finger, or another button */
      event.preventDefault();
      ink.focus();
      ink.setPointerCapture(event.pointerId);
      this.#pointer = event.pointerId;
      this.#pen = null;
      this.#penDown = false;
      this.#begin(this.#at(event));
      this.#changed();
    });
    ink.addEventListener('pointermove', (event) => {
      if (event.pointerId !== this.#pointer) return;
      const coalesced = event.getCoalescedEvents?.() ?? [];
      for (const part of coalesced.length ? coalesced : [event]) this.#open?.push(this.#at(part));
      this.#changed();
    });
    ink.addEventListener('pointerup', (event) => {
      if (event.pointerId === this.#pointer) this.#pointer = this.#open = null;
    });
    ink.addEventListener('pointercancel', (event) => {
      if (event.pointerId !== this.#pointer) return;
      this.#strokes = this.#strokes.filter((stroke) => stroke !== this.#open); /* the system took it: not meant as ink */
      this.#pointer = this.#open = null;
      if (this.#before && !this.#strokes.length) this.#restore(this.#before);
      else this.#changed();
    });
    ink.addEventListener('keydown', (event) => this.#onInkKey(event));
    ink.addEventListener('blur', () => this.#redraw());
    this.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      event.stopPropagation();
      this.#close();
    });
  }

  /** @param {KeyboardEvent} event */
  #onInkKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move) this.#movePen(move[0] * STEP, move[1] * STEP);
    else if (event.key === ' ') this.#togglePen();
    else if (event.key === 'Delete' || event.key === 'Backspace') this.clear();
    else if (event.key === 'Enter') this.#close();
    else return;
    event.preventDefault();
  }

  /** @param {number} dx  @param {number} dy */
  #movePen(dx, dy) {
    const from = this.#pen ?? { x: 0.5, y: 0.5 };
    const clamp = (/** @type {number} */ v) => Math.min(1, Math.max(0, v));
    this.#pen = { x: clamp(from.x + dx), y: clamp(from.y + dy) };
    if (!this.#penDown) return this.#redraw();
    this.#open?.push(this.#pen);
    this.#changed();
  }

  #togglePen() {
    this.#pen ??= { x: 0.5, y: 0.5 };
    this.#penDown = !this.#penDown;
    this.#penState.textContent = this.#penDown ? STRINGS.penDown : STRINGS.penUp;
    if (!this.#penDown) {
      this.#open = null;
      return this.#redraw();
    }
    this.#begin(this.#pen);
    this.#changed();
  }

  /** @param {Point} point */
  #begin(point) {
    this.#ghost = false;
    this.#open = [point];
    this.#strokes.push(this.#open);
  }

  /** @param {PointerEvent} event  @returns {Point} */
  #at(event) {
    const box = this.#ink.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  /** At most one redraw and one event a frame, however fast the pointer reports. */
  #changed() {
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      if (this.#ghost) return; /* taken back meanwhile */
      this.#redraw();
      this.dispatchEvent(new CustomEvent('pmoe-ink', { detail: { ink: this.#rasterInk(), width: RASTER, height: RASTER } }));
    });
  }

  #rasterInk() {
    const context = /** @type {CanvasRenderingContext2D} */ (this.#raster.getContext('2d', { willReadFrequently: true }));
    context.clearRect(0, 0, RASTER, RASTER);
    this.#stroke(context, RASTER, '#fff');
    const rgba = context.getImageData(0, 0, RASTER, RASTER).data;
    const ink = new Uint8Array(RASTER * RASTER);
    for (let i = 0; i < ink.length; i++) ink[i] = rgba[i * 4 + 3];
    return ink;
  }

  #redraw() {
    const side = Math.round(this.#ink.clientWidth * devicePixelRatio);
    const context = this.#ink.getContext('2d');
    if (!side || !context) return;
    if (this.#ink.width !== side) this.#ink.width = this.#ink.height = side;
    context.clearRect(0, 0, side, side);
    if (this.#ghost) this.#drawGhost(context, side);
    this.#stroke(context, side, '#fff');
    if (this.#pen && this.ownerDocument.activeElement === this.#ink) this.#drawPen(context, side, this.#pen);
  }

  /** @param {CanvasRenderingContext2D} context  @param {number} side  @param {string} colour */
  #stroke(context, side, colour) {
    context.strokeStyle = colour;
    context.lineCap = context.lineJoin = 'round';
    context.lineWidth = PEN * side;
    for (const stroke of this.#strokes) {
      context.beginPath();
      context.moveTo(stroke[0].x * side, stroke[0].y * side);
      for (const point of stroke.slice(1)) context.lineTo(point.x * side, point.y * side);
      if (stroke.length === 1) context.lineTo(stroke[0].x * side + 0.01, stroke[0].y * side); /* a dot */
      context.stroke();
    }
  }

  /** @param {CanvasRenderingContext2D} context  @param {number} side */
  #drawGhost(context, side) {
    context.globalAlpha = 0.3;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.#seen, 0, 0, side, side);
    context.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} context  @param {number} side  @param {Point} pen */
  #drawPen(context, side, pen) {
    const [x, y, arm] = [pen.x * side, pen.y * side, side / 16];
    context.strokeStyle = this.#penDown ? '#56b4e9' : '#e69f00';
    context.lineWidth = Math.max(2, side / 140);
    context.beginPath();
    context.moveTo(x - arm, y);
    context.lineTo(x + arm, y);
    context.moveTo(x, y - arm);
    context.lineTo(x, y + arm);
    if (this.#penDown) context.rect(x - arm / 2, y - arm / 2, arm, arm);
    context.stroke();
  }
}

customElements.define('pmoe-pad', PmoePad);
