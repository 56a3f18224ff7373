/**
 * Networks that send whole images to experts: which experts this image was sent to, and, once someone asks for it, which
 * classes use which experts, over the sample photographs.  Fetched when a set with such networks is first chosen.
 */
import { html } from '../elements/dom.js';
import { letter } from '../elements/experts.js';
import { PmoeMixtures } from '../elements/mixtures.js';
import { STRINGS } from './strings_more.js';
import { Usage } from './usage.js';

/** @type {Promise<Mixtures>|null} */
let made = null;

/**
 * The one of the page, its style with it.
 * @param {HTMLElement} place  @param {import('./input.js').Host} host  @param {import('./photos.js').Photos} photos
 */
export function mixturesIn(place, host, photos) {
  made ??= new Promise((resolve) => {
    const style = html('link', { rel: 'stylesheet', href: new URL('mixtures.css', import.meta.url).href });
    style.onload = style.onerror = () => resolve(new Mixtures(place, host, photos)); /* plain is better than nothing */
    document.head.append(style);
  });
  return made;
}

export class Mixtures {
  #host;
  #figure = new PmoeMixtures();
  #usage;
  /** @type {import('../elements/mixtures.js').Mixture[]} those of the set that is shown ... */
  #mixtures = [];
  /** @type {number[]} ... and where they are among its models */
  #at = [];

  /** @param {HTMLElement} place  @param {import('./input.js').Host} host  @param {import('./photos.js').Photos} photos */
  constructor(place, host, photos) {
    this.#host = host;
    this.#usage = new Usage(host, photos);
    place.replaceChildren(this.#figure, this.#usage.element);
  }

  /** Another set is shown. */
  enter() {
    const { session, set } = this.#host.now();
    const found = set.models.map(({ id, label }) => ({ id, label, experts: 0, kept: 0, ...pick(session.mixture(id)) }));
    this.#mixtures = found.filter(({ experts }) => experts);
    this.#at = this.#mixtures.map((mixture) => found.indexOf(mixture));
    this.#figure.setModels(this.#mixtures);
    this.#usage.enter(this.#mixtures, this.#at);
  }

  /** @param {import('../engine/protocol.js').Prediction[]|null} predictions  of all models of the set */
  show(predictions) {
    this.#figure.show(this.#at.map((i) => predictions?.[i]));
  }

  /** @param {import('../engine/protocol.js').Prediction[]|null} predictions  @returns {string[]} sentences to be heard */
  heard(predictions) {
    return this.#mixtures.flatMap(({ label, experts, kept }, i) => {
      const picks = predictions?.[this.#at[i]].mixture?.picks;
      if (!picks) return [];
      return kept === experts ? STRINGS.mixtureHeardAll(label, letter(picks[0])) : STRINGS.mixtureHeard(label, picks.map(letter));
    });
  }
}

/** @param {{experts?: number, kept?: number}|undefined} layer */
const pick = (layer) => (layer ? { experts: layer.experts ?? 0, kept: layer.kept ?? 0 } : {});
