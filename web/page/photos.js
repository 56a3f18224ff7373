/**
 * Photographs as input: test images from a sheet, or a visitor's picture, shown as the networks see them.  Fetched when
 * they are first chosen, as is the sheet.
 *
 * @typedef {import('./samples.js').Sample & {index: number}} Photo
 */
import { find, html, paint } from '../elements/dom.js';
import { URLS } from './models.js';
import { readPicture } from './picture.js';
import { fetchFile } from './session.js';
import { STRINGS } from './strings_more.js';

export class Photos {
  /** @type {Uint8Array} */
  pixels = new Uint8Array(0);
  busy = false;
  /** @type {import('./input.js').Host} */
  #host;
  #canvas = html('canvas', { role: 'img', tabindex: -1 });
  #caption = html('figcaption', { class: 'caption' });
  #note = '';
  /** @type {Map<string, Promise<Photo[]>>} of each sheet */
  #samples = new Map();

  /** @param {import('./input.js').Host} host */
  constructor(host) {
    this.#host = host;
    find(document, '#photo').replaceChildren(this.#canvas, this.#caption);
  }

  get blank() {
    return !this.pixels.length;
  }

  focus() {
    this.#canvas.focus();
  }

  async load() {
    const { state } = this.#host.now();
    const photo = (await this.samples())[state.index];
    if (this.#host.shows(this)) this.#choose(photo);
  }

  /** @param {import('./picture.js').Picture} picture */
  async take(picture) {
    const { pixels } = await this.#host.now().session.photoFromRgba(picture);
    if (this.#host.shows(this)) this.#become(pixels, STRINGS.photoYours);
  }

  async openSamples() {
    await this.#host.pick(STRINGS.photoSamples, await this.samples(), (photo) => this.#choose(photo));
  }

  /** @param {Photo} photo */
  #choose({ index, pixels, name }) {
    const { state, set } = this.#host.now();
    state.index = index;
    this.#host.loaded();
    this.#become(pixels, STRINGS.photoSample(index + 1, set.photos?.count ?? 0, name));
  }

  /** @param {Uint8Array} pixels  @param {string} note */
  #become(pixels, note) {
    this.pixels = pixels;
    this.#note = note;
    this.#host.uncover();
    this.#host.changed();
  }

  show() {
    this.#host.status(this.#note);
    if (this.blank) return;
    const side = this.#side();
    const seen = STRINGS.photoSeen(side);
    this.#canvas.width = this.#canvas.height = side;
    this.#canvas.setAttribute('aria-label', `${seen}. ${this.#note}`);
    this.#caption.textContent = seen;
    paint(this.#canvas, this.pixels);
  }

  /** @returns {number} of what the networks see, in pixels */
  #side() {
    const { session, set } = this.#host.now();
    return session.model(set.models[0].id).input.height;
  }

  /** The test images; asked for again if they did not come. */
  samples() {
    const sheet = URLS.sheet(this.#host.now().set);
    const reading = this.#samples.get(sheet) ?? this.#readSheet(sheet);
    this.#samples.set(sheet, reading);
    reading.catch(() => this.#samples.delete(sheet));
    return reading;
  }

  /** A column of the sheet is a class; each image goes the way of a visitor's picture.  @param {string} from */
  async #readSheet(from) {
    const { session, set } = this.#host.now();
    const side = this.#side();
    const { classes } = session.model(set.models[0].id);
    const sheet = await readPicture(new Blob([await fetchFile(from)]));
    const wide = sheet.width / side;
    return Promise.all(
      Array.from({ length: wide * (sheet.height / side) }, async (_, index) => {
        const label = index % wide;
        const { pixels } = await session.photoFromRgba(cut(sheet, label, Math.floor(index / wide), side));
        return { pixels, side, label, name: classes[label], index };
      }),
    );
  }
}

/**
 * One image of a sheet.
 * @param {import('./picture.js').Picture} sheet  @param {number} column  @param {number} line  @param {number} side
 */
function cut({ rgba, width }, column, line, side) {
  const out = new Uint8Array(4 * side * side);
  for (let row = 0; row < side; row++) {
    const at = 4 * ((line * side + row) * width + column * side);
    out.set(rgba.subarray(at, at + 4 * side), 4 * side * row);
  }
  return { rgba: out, width: side, height: side };
}
