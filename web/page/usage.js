/**
 * Which classes use which experts: the mean gate of every class and expert over the sample photographs, answered in the
 * engine when a visitor asks for it, as a table with shaded cells, and as CSV.
 *
 * @typedef {object} Sums        of one mixture
 * @property {number[][]} gates  [class][expert] sums; 0 where a photograph did not keep the expert
 * @property {number[][]} kept   [class][expert] photographs that kept it
 */
import { html } from '../elements/dom.js';
import { letter } from '../elements/experts.js';
import { STRINGS } from './strings_more.js';

const DARKEST = 45; /* percent of the accent behind a mean gate of 1: the number on it stays readable */

export class Usage {
  element = html('section', { class: 'usage', 'aria-labelledby': 'usage-title' });
  #host;
  #photos;
  #run = html('button', { type: 'button' });
  #status = html('p', { class: 'visually-hidden', role: 'status' });
  #choice = html('div', { class: 'choice', role: 'group', 'aria-label': STRINGS.usageChoice });
  #table = html('div');
  /** @type {import('../elements/mixtures.js').Mixture[]} */
  #mixtures = [];
  /** @type {number[]} */
  #at = [];
  /** @type {Sums[]} a mixture each; none until they were run */
  #sums = [];
  /** @type {number[]} photographs of each class */
  #photographs = [];
  #chosen = 0;

  /** @param {import('./input.js').Host} host  @param {import('./photos.js').Photos} photos */
  constructor(host, photos) {
    this.#host = host;
    this.#photos = photos;
    host.on(this.#run, 'click', () => this.#answerAll());
  }

  get #count() {
    return this.#host.now().set.photos?.count ?? 0;
  }

  /** @param {import('../elements/mixtures.js').Mixture[]} mixtures  of the set that is shown  @param {number[]} at  their places among its models */
  enter(mixtures, at) {
    [this.#mixtures, this.#at, this.#sums, this.#chosen] = [mixtures, at, [], 0];
    this.#run.disabled = false;
    this.#run.hidden = false;
    this.#run.textContent = STRINGS.usageRun(this.#count);
    this.#choice.replaceChildren();
    this.#table.replaceChildren();
    this.#status.textContent = '';
    this.element.replaceChildren(
      html('h3', { id: 'usage-title' }, STRINGS.usageTitle),
      html('p', { class: 'caption' }, STRINGS.usageNote(this.#count)),
      this.#run,
      this.#status,
      this.#choice,
      this.#table,
    );
  }

  async #answerAll() {
    const { session, set } = this.#host.now();
    const { classes } = session.model(set.models[0].id);
    this.#run.disabled = true;
    try {
      const samples = await this.#photos.samples();
      const zeros = (/** @type {number} */ experts) => classes.map(() => Array(experts).fill(0));
      const sums = this.#mixtures.map(({ experts }) => ({ gates: zeros(experts), kept: zeros(experts) }));
      const photographs = classes.map(() => 0);
      for (const [done, { pixels, label }] of samples.entries()) {
        this.#run.textContent = STRINGS.usageRunning(done, samples.length);
        const predictions = await session.predict(set, pixels);
        if (this.#host.now().set !== set) return;
        photographs[label]++;
        sums.forEach((sum, i) => add(sum, label, predictions[this.#at[i]].mixture));
      }
      [this.#sums, this.#photographs] = [sums, photographs];
      this.#run.hidden = true;
      this.#status.textContent = STRINGS.usageDone(samples.length);
      this.#show();
    } finally {
      this.#run.disabled = false;
      this.#run.textContent = STRINGS.usageRun(this.#count);
    }
  }

  #show() {
    this.#choice.replaceChildren(
      ...this.#mixtures.map(({ label }, i) => {
        const button = html('button', { type: 'button', 'aria-pressed': String(i === this.#chosen) }, label);
        button.addEventListener('click', () => {
          this.#chosen = i;
          this.#show();
          /** @type {HTMLElement} */ (this.#choice.children[i]).focus();
        });
        return button;
      }),
    );
    const save = html('button', { type: 'button' }, STRINGS.usageSave);
    this.#host.on(save, 'click', () => this.#save());
    this.#table.replaceChildren(this.#makeTable(), save);
  }

  #makeTable() {
    const { label, experts } = this.#mixtures[this.#chosen];
    const sum = this.#sums[this.#chosen];
    const head = html('tr', {}, html('th', { scope: 'col' }, STRINGS.usageClass), ...Array.from({ length: experts }, (_, e) => html('th', { scope: 'col' }, letter(e))));
    const cell = (/** @type {number} */ c, /** @type {number} */ e) => {
      const [n, mean] = [this.#photographs[c], sum.gates[c][e] / this.#photographs[c]];
      const made = html('td', { title: STRINGS.usageCell((100 * mean).toFixed(2), String(sum.kept[c][e]), n) }, (100 * mean).toFixed(0));
      made.style.setProperty('--shade', `${(DARKEST * mean).toFixed(1)}%`);
      return made;
    };
    return html(
      'table',
      { class: 'usage-table' },
      html('caption', { class: 'caption' }, STRINGS.usageCaption(label, this.#count)),
      html('thead', {}, head),
      html('tbody', {}, ...this.#classes.map((name, c) => html('tr', {}, html('th', { scope: 'row' }, name), ...sum.gates[c].map((_, e) => cell(c, e))))),
    );
  }

  get #classes() {
    const { session, set } = this.#host.now();
    return session.model(set.models[0].id).classes;
  }

  #save() {
    const { id } = this.#mixtures[this.#chosen];
    const { gates, kept } = this.#sums[this.#chosen];
    const lines = this.#classes.flatMap((name, c) => {
      const n = this.#photographs[c];
      return gates[c].map((gate, e) => [id, name, n, letter(e), (gate / n).toFixed(6), (kept[c][e] / n).toFixed(6)].join(','));
    });
    const text = ['network,class,sample_photographs,expert,mean_gate,share_kept', ...lines, ''].join('\n');
    const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
    html('a', { href: url, download: `pmoe-experts-${id}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1e4); /* the download has begun by then */
  }
}

/** @param {Sums} sum  @param {number} label  @param {import('../engine/protocol.js').Mixing} [mixing] */
function add(sum, label, mixing) {
  mixing?.picks.forEach((e, j) => {
    sum.gates[label][e] += mixing.gates[j];
    sum.kept[label][e]++;
  });
}
