/**
 * Boards as input: made of sample digits, drawn cell by cell, or a visitor's picture.  A board with an empty cell is
 * blank: the networks know full ones only.
 *
 * @typedef {'empty'|'drawn'|'picture'|'sample'|{sample: number, whole: boolean}} Origin  of a cell ('sample': not known yet of which digit)
 */
import { CELL, cellCount, cellPixels, emptyCells, setCellPixels } from '../elements/board.js';
import { find } from '../elements/dom.js';
import { STRINGS } from './strings.js';

const FIRST_FILL = 2 ** 30; /* the first board of those that fill gaps: far from what shuffling chooses from */

export class Boards {
  pixels = new Uint8Array(16 * CELL * CELL);
  /** @type {import('./input.js').Host} */
  #host;
  #board = /** @type {import('../elements/board.js').PmoeBoard} */ (find(document, '#board'));
  #pad = /** @type {import('../elements/pad.js').PmoePad} */ (find(document, '#pad'));
  /** @type {Origin[]} */
  #origins = Array(16).fill('empty');
  /** where the board's own digit still stands; null once it was drawn over or the board is someone's picture
   * @type {{label: string, patch: number}|null} */
  #truth = null;
  #note = '';
  #edits = 0;
  #drawings = 0;
  #fills = 0;
  #editing = 0;
  #beforeDrawing = () => {}; /* puts back what the pad was opened on */
  /** @type {import('./samples.js').Sample[]} */
  #digits = [];

  /** @param {import('./input.js').Host} host */
  constructor(host) {
    this.#host = host;
    const on = host.on;
    on(this.#board, 'pmoe-open', ({ detail }) => this.#openPad(detail.cell));
    on(this.#board, 'pmoe-erase', ({ detail }) => host.ready() && this.#setCell(detail.cell, new Uint8Array(CELL * CELL), 'empty'));
    on(this.#pad, 'pmoe-ink', ({ detail }) => this.#onInk(detail));
    on(this.#pad, 'pmoe-restore', () => this.#beforeDrawing());
    on(this.#pad, 'pmoe-close', host.uncover);
    on(this.#pad, 'pmoe-samples', () => this.#openSamples(this.#editing));
  }

  get blank() {
    return emptyCells(this.pixels).length > 0;
  }

  get busy() {
    return !this.#pad.hidden;
  }

  focus() {
    this.#board.focusCell(this.#editing);
  }

  /** @param {import('../engine/protocol.js').Prediction[]} [known] */
  #changed(known) {
    this.#edits++;
    this.#host.changed(known);
  }

  /** Boards of this set are still what is shown, after something was awaited.  @param {import('./models.js').InputSet} set */
  #isOf(set) {
    return this.#host.shows(this) && this.#host.now().set === set;
  }

  /** @param {Uint8Array<ArrayBuffer>} pixels  another board  @param {Origin} origin  of all its cells */
  #become(pixels, origin) {
    this.pixels = pixels;
    this.#origins = Array(cellCount(pixels)).fill(origin);
  }

  /** @param {import('./session.js').Opened} [known] */
  async load(known) {
    const { session, state, set } = this.#host.now();
    const { pixels, truth } = known?.board ?? (await session.board(set, state.seed, state.index));
    if (!this.#isOf(set)) return;
    this.#become(pixels, 'sample');
    const own = (this.#truth = { label: session.model(set.models[0].id).classes[truth.label], patch: truth.patch });
    this.#note = '';
    this.#host.loaded();
    this.#host.uncover();
    this.#changed(known?.predictions);
    const mine = this.#edits;
    const labels = await Promise.all(truth.digits.map(async (index) => (await session.sampleDigit(index)).label));
    if (mine !== this.#edits || !this.#isOf(set)) return; /* someone draws already */
    this.#origins = labels.map((label, patch) => ({ sample: label, whole: set.id === 'mosaic' || patch === own.patch }));
    this.show();
  }

  /** @param {import('./picture.js').Picture} picture */
  async take(picture) {
    const { session, set } = this.#host.now();
    const { pixels, inverted } = await session.boardFromRgba(set, picture);
    if (!this.#isOf(set)) return;
    this.#become(pixels, 'picture');
    this.#truth = null;
    this.#note = STRINGS.picture(inverted);
    this.#host.uncover();
    this.#changed();
  }

  clear() {
    if (!this.#host.ready()) return;
    this.#become(new Uint8Array(this.pixels.length), 'empty');
    this.#truth = null;
    this.#note = '';
    this.#changed();
  }

  openSamples() {
    return this.#openSamples(this.#board.cell);
  }

  /** @param {number} cell  @param {Uint8Array} pixels  @param {Origin} origin */
  #setCell(cell, pixels, origin) {
    setCellPixels(this.pixels, cell, pixels);
    this.#origins[cell] = origin;
    if (this.#truth?.patch === cell) this.#truth = null;
    this.#note = STRINGS.yours;
    this.#changed();
  }

  /** Clutter for some cells, from a board of this set that no shuffle shows; its own digit stays out.  @param {number[]} cells */
  async #fill(cells) {
    if (!this.#host.ready()) return;
    if (cells.length === cellCount(this.pixels)) return this.#host.shuffle();
    const { session, state, set } = this.#host.now();
    const { pixels, truth } = await session.board(set, state.seed, FIRST_FILL + this.#fills++);
    const from = cells.map((cell) => (cell === truth.patch ? (cell + 1) % cellCount(pixels) : cell));
    const digits = await Promise.all(from.map((cell) => session.sampleDigit(truth.digits[cell])));
    if (!this.#isOf(set)) return;
    cells.forEach((cell, i) => {
      setCellPixels(this.pixels, cell, cellPixels(pixels, from[i]));
      this.#origins[cell] = { sample: digits[i].label, whole: set.id === 'mosaic' };
      if (this.#truth?.patch === cell) this.#truth = null;
    });
    this.#note = STRINGS.yours;
    this.#changed();
  }

  /** @param {number} cell */
  async #openPad(cell) {
    if (!customElements.get('pmoe-pad')) await import('../elements/pad.js'); /* main.js has it fetched ahead, as a rule */
    if (!this.#host.ready()) return;
    const [pixels, origin, truth, note] = [cellPixels(this.pixels, cell), this.#origins[cell], this.#truth, this.#note];
    this.#beforeDrawing = () => {
      this.#drawings++;
      this.#setCell(cell, pixels, origin);
      [this.#truth, this.#note] = [truth, note];
      this.show();
    };
    this.#editing = cell;
    this.#host.cover(this.#pad);
    this.#pad.open(cell, pixels);
  }

  /** @param {number} cell */
  async #openSamples(cell) {
    const { session } = this.#host.now();
    this.#editing = cell;
    if (!this.#digits.length) {
      const digits = await Promise.all(Array.from({ length: session.samples }, (_, i) => session.sampleDigit(i)));
      this.#digits = digits.map(({ pixels, label }) => ({ pixels, side: CELL, label, name: STRINGS.sampleDigit(label) }));
    }
    await this.#host.pick(STRINGS.samplesTitle(cell), this.#digits, ({ pixels, label }) => {
      this.#setCell(cell, pixels, { sample: label, whole: true });
      this.#host.uncover();
    });
  }

  /** @param {{ink: Uint8Array<ArrayBuffer>, width: number, height: number}} drawing */
  async #onInk(drawing) {
    const [mine, cell] = [++this.#drawings, this.#editing];
    const { session, set } = this.#host.now();
    const digit = await session.digit(drawing);
    if (mine !== this.#drawings || !this.#isOf(set)) return; /* overtaken by the next stroke */
    this.#pad.showSeen(digit.pixels);
    this.#setCell(cell, digit.pixels, digit.empty ? 'empty' : 'drawn');
  }

  show() {
    const empty = emptyCells(this.pixels);
    this.#board.show(this.pixels, this.#origins.map((origin, i) => STRINGS.cell(i, empty.includes(i) ? STRINGS.cellEmpty : originName(origin))));
    const truth = this.#truth;
    const touched = this.#origins.some((origin) => typeof origin === 'string' && origin !== 'sample');
    if (empty.length === cellCount(this.pixels)) this.#host.status(STRINGS.boardEmpty, STRINGS.shuffle, this.#host.shuffle);
    else if (empty.length) this.#host.status(STRINGS.cellsEmpty(empty, cellCount(this.pixels)), STRINGS.fill, () => this.#fill(empty));
    else if (truth && touched) this.#host.status(STRINGS.truthStands(truth.label, truth.patch), STRINGS.truthReplace, () => this.#fill([truth.patch]));
    else this.#host.status(truth ? STRINGS.truth(truth.label, truth.patch) : this.#note);
  }
}

/** @param {Origin} origin */
function originName(origin) {
  if (origin === 'empty') return STRINGS.cellEmpty;
  if (origin === 'drawn') return STRINGS.cellDrawn;
  if (origin === 'picture') return STRINGS.cellPicture;
  if (origin === 'sample') return STRINGS.cellAnySample;
  return origin.whole ? STRINGS.cellSample(origin.sample) : STRINGS.cellScrambled(origin.sample);
}
