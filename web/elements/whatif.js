/**
 * <pmoe-what-if>: how the model shown is routed, to be changed: a slider for l, the patches that each expert keeps, with
 * a mark at the model's own, and a switch an expert that takes it out of the network.  Leaves out what follows from it:
 * fires 'pmoe-route' {kept, off} while it is being changed and 'pmoe-routed' once it rests.
 *
 * @typedef {object} Routing
 * @property {number} kept
 * @property {boolean[]} off    an expert each
 */
import { html, svg } from './dom.js';
import { colourClass, letter } from './experts.js';

const MOST_SWITCHES = 64; /* experts beyond cannot be off */

const TEXT = {
  title: 'What if it were routed otherwise?',
  kept: 'Patches kept per expert, l',
  value: (/** @type {number} */ kept, /** @type {number} */ n, /** @type {number} */ own) => `${kept} of ${n}; trained with ${own}`,
  own: (/** @type {number} */ own) => `trained with ${own}`,
  experts: 'Experts in the network',
  expert: (/** @type {string} */ name) => `Expert ${name} in the network`,
  on: 'on',
  off: 'off',
  reset: 'As trained',
  note: 'Experts in the network: one that is off keeps no patch and adds nothing.',
};

export class PmoeWhatIf extends HTMLElement {
  #slider = html('input', { type: 'range', id: 'what-if-l', min: 1, step: 1 });
  #value = html('output', { for: 'what-if-l' });
  #mark = svg('svg', { class: 'what-if-mark', 'aria-hidden': 'true' });
  #experts = html('div', { class: 'what-if-experts', role: 'group', 'aria-label': TEXT.experts, 'aria-describedby': 'what-if-note' });
  #reset = html('button', { type: 'button', class: 'what-if-reset' }, TEXT.reset);
  /** @type {HTMLButtonElement[]} */
  #switches = [];
  /** @type {Routing} */
  #routing = { kept: 0, off: [] };
  #patches = 0;
  #own = 0;

  connectedCallback() {
    if (this.children.length) return;
    this.append(
      html('div', { class: 'what-if-head' }, html('h3', {}, TEXT.title), this.#reset),
      html('p', { class: 'what-if-label' }, html('label', { for: 'what-if-l' }, TEXT.kept), ' ', this.#value),
      html('div', { class: 'what-if-slide' }, this.#slider, this.#mark),
      html('p', { class: 'caption', id: 'what-if-note' }, TEXT.note),
      this.#experts,
    );
    this.#slider.addEventListener('input', () => this.#change({ kept: Number(this.#slider.value) }));
    this.#slider.addEventListener('change', () => this.#rest());
    this.#reset.addEventListener('click', () => {
      this.#change({ kept: this.#own, off: this.#routing.off.map(() => false) });
      this.#rest();
      this.#slider.focus(); /* the button is disabled now */
    });
  }

  /** @param {number} patches  n  @param {number} own  the l that the model was trained with  @param {Routing} routing */
  show(patches, own, routing) {
    if (this.#switches.length !== Math.min(routing.off.length, MOST_SWITCHES)) this.#makeSwitches(Math.min(routing.off.length, MOST_SWITCHES));
    this.#patches = patches;
    this.#own = own;
    this.#routing = routing;
    this.#slider.max = String(patches);
    const at = `${(100 * (own - 1)) / Math.max(1, patches - 1)}%`;
    const anchor = own - 1 < patches / 4 ? 'start' : own > (3 * patches) / 4 ? 'end' : 'middle';
    this.#mark.replaceChildren(
      svg('line', { x1: at, x2: at, y1: 0, y2: 7 }),
      svg('text', { x: at, y: 20, 'text-anchor': anchor }, TEXT.own(own)),
    );
    this.#update();
  }

  /** @param {number} experts */
  #makeSwitches(experts) {
    this.#switches = Array.from({ length: experts }, (_, e) => {
      const button = html(
        'button',
        { type: 'button', role: 'switch', class: 'what-if-switch', 'aria-label': TEXT.expert(letter(e)) },
        html('span', { class: `badge ${colourClass(e)}`, 'aria-hidden': 'true' }, letter(e)),
        html('span', { class: 'what-if-state', 'aria-hidden': 'true' }),
      );
      button.addEventListener('click', () => {
        this.#change({ off: this.#routing.off.map((off, i) => (i === e ? !off : off)) });
        this.#rest();
      });
      return button;
    });
    this.#experts.replaceChildren(...this.#switches);
  }

  /** @param {Partial<Routing>} part */
  #change(part) {
    this.#routing = { ...this.#routing, ...part };
    this.#update();
    this.dispatchEvent(new CustomEvent('pmoe-route', { detail: this.#routing }));
  }

  #rest() {
    this.dispatchEvent(new CustomEvent('pmoe-routed'));
  }

  #update() {
    const { kept, off } = this.#routing;
    this.#slider.value = String(kept);
    this.#slider.setAttribute('aria-valuetext', TEXT.value(kept, this.#patches, this.#own));
    this.#value.textContent = `${kept} of ${this.#patches}`;
    this.#switches.forEach((button, e) => {
      button.setAttribute('aria-checked', String(!off[e]));
      button.children[1].textContent = off[e] ? TEXT.off : TEXT.on;
    });
    this.#reset.disabled = kept === this.#own && !off.includes(true);
  }
}

customElements.define('pmoe-what-if', PmoeWhatIf);
