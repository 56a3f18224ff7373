/**
 * What if the model shown were routed otherwise: between the control, the address, the engine and the result.  One model
 * at a time, the one whose routes are shown; the others go on as they were trained.
 *
 * @typedef {object} WhatIfHost
 * @property {() => {session: import('./session.js').Session, state: import('./state.js').State, set: import('./models.js').InputSet}} now
 * @property {() => import('./models.js').ModelEntry|null|undefined} routed  the model shown
 * @property {import('../elements/result.js').PmoeResult} result
 * @property {(error: unknown) => void} tell
 * @property {() => void} remember
 * @property {() => void} changed
 */
import { find, html } from '../elements/dom.js';
import { letter } from '../elements/experts.js';
import { PmoeWhatIf } from '../elements/whatif.js';
import { STRINGS } from './strings.js';
import { listed } from './format.js';

const MOST_OFF = 64;

const TEXT = {
  routing: (/** @type {number} */ kept, /** @type {string[]} */ off) => `l = ${kept}${off.length ? `, ${off.length > 4 ? `${off.length} experts` : listed(off)} off` : ''}`,
  how: (/** @type {string} */ routing, /** @type {number} */ own) => `What if: ${routing}. Trained with l = ${own}, all on.`,
  spoken: (/** @type {string} */ label, /** @type {string} */ routing) => `${label} with ${routing}:`,
  ledger: (/** @type {string} */ label) => `${label}, what if`,
  routedOnly: 'a network with experts',
  kept: (/** @type {number} */ n) => `a whole number from 1 to ${n}`,
  experts: (/** @type {number} */ k) => `letters of experts from A to ${letter(k - 1)}`,
};

/** Until its rules are there, what is made here is not shown. */
const styled = () =>
  new Promise((resolve, reject) => {
    const link = html('link', { rel: 'stylesheet', href: new URL('../elements/whatif.css', import.meta.url).href });
    link.onload = resolve;
    link.onerror = () => reject(new Error(STRINGS.fetchFailed('whatif.css')));
    document.head.append(link);
  });

export class WhatIf {
  /** @type {WhatIfHost} */ #host;
  #control = new PmoeWhatIf();
  #told = ''; /* the model whose row says that it is run otherwise */
  spoken = ''; /* the beginning of what is announced */

  /** @param {WhatIfHost} host */
  static async open(host) {
    await styled();
    return new WhatIf(host);
  }

  /** @param {WhatIfHost} host */
  constructor(host) {
    this.#host = host;
    this.#control.addEventListener('pmoe-route', (event) => this.#change(/** @type {CustomEvent} */ (event).detail));
    this.#control.addEventListener('pmoe-routed', host.remember); /* not while a thumb moves: browsers refuse so many */
  }

  /** The model shown as the state wants it routed; whoever calls asks for answers. */
  show() {
    const { session, state } = this.#host.now();
    const shown = this.#host.routed();
    if (!shown) {
      this.#refuse(Boolean(state.l), 'l', TEXT.routedOnly);
      this.#refuse(Boolean(state.off), 'off', TEXT.routedOnly);
      return this.#route({});
    }
    const { patches, experts, kept: own } = session.model(shown.id);
    const n = patches.high * patches.wide;
    const letters = Array.from({ length: experts }, (_, e) => letter(e));
    const asked = state.off ? state.off.split(',') : [];
    this.#refuse(state.l > n, 'l', TEXT.kept(n));
    this.#refuse(asked.some((name) => !letters.slice(0, MOST_OFF).includes(name)), 'off', TEXT.experts(experts));
    const kept = state.l || own;
    const off = letters.map((name) => state.off !== '' && asked.includes(name));
    const place = find(document, '.routes-what-if');
    if (this.#control.parentElement !== place) place.append(this.#control); /* the place is another with other experts */
    this.#control.show(n, own, { kept, off });
    find(document, '#kept').textContent = String(kept);
    const numbers = off.flatMap((is, e) => (is ? [e] : []));
    this.#route(kept === own && !numbers.length ? {} : { [shown.id]: { kept, off: numbers } });
  }

  /** @param {boolean} bad  @param {'l'|'off'} key  @param {string} expected */
  #refuse(bad, key, expected) {
    const { state } = this.#host.now();
    if (!bad) return;
    this.#host.tell(STRINGS.badValue(key, String(state[key]), expected));
    Object.assign(state, { [key]: key === 'l' ? 0 : '' });
  }

  /** @param {import('./session.js').Session['whatIf']} whatIf */
  #route(whatIf) {
    const { session } = this.#host.now();
    if (JSON.stringify(whatIf) === JSON.stringify(session.whatIf)) return;
    session.whatIf = whatIf;
    this.#host.result.clearTimings();
  }

  /** @param {import('../elements/whatif.js').Routing} routing */
  #change({ kept, off }) {
    const { session, state } = this.#host.now();
    const shown = this.#host.routed();
    if (!shown) return;
    state.l = kept === session.model(shown.id).kept ? 0 : kept;
    state.off = off.flatMap((is, e) => (is ? [letter(e)] : [])).join(',');
    this.show();
    this.#host.changed();
  }

  /** The row of the model says how it is run.  @param {import('../engine/protocol.js').Prediction[]|null} predictions */
  answered(predictions) {
    const { session, set } = this.#host.now();
    const at = predictions?.findIndex((prediction) => prediction.what_if) ?? -1;
    const entry = set.models[at];
    const old = set.models.find((model) => model.id === this.#told);
    this.#told = this.spoken = '';
    if (old && old !== entry) {
      const { multiply_adds, experts, kept } = session.model(old.id);
      this.#tellRow(old, false, multiply_adds, STRINGS.somePatches(experts, kept));
    }
    const found = predictions?.[at]?.what_if;
    if (!entry || !found) return;
    const routing = TEXT.routing(found.kept, found.off.map(letter));
    this.#told = entry.id;
    this.spoken = TEXT.spoken(entry.label, routing);
    this.#tellRow(entry, true, found.multiply_adds, TEXT.how(routing, session.model(entry.id).kept));
  }

  /** @param {import('./models.js').ModelEntry} entry  @param {boolean} otherwise  @param {number} multiplyAdds  @param {string} how */
  #tellRow({ id, label }, otherwise, multiplyAdds, how) {
    const { result } = this.#host;
    result.change(id, multiplyAdds, how);
    find(result, `.result[data-model="${id}"]`).classList.toggle('is-what-if', otherwise);
    const ledger = result.querySelector(`.ledger-row[data-model="${id}"] .ledger-name`);
    if (ledger) ledger.textContent = otherwise ? TEXT.ledger(label) : label;
  }
}
