/**
 * <pmoe-result>: a block a model with what it said (class, probability), what that cost (counted multiply-adds, measured
 * time) and how often it is right, then the ledger: how many times less than the first, dense model, counted and measured side by side.
 * A model that loses is written exactly like one that wins.
 *
 * @typedef {import('../engine/protocol.js').Prediction} Prediction
 * @typedef {import('../engine/protocol.js').Timing} Timing
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {string} label
 * @property {number} multiplyAdds
 * @property {number|null} accuracy  on test data, in percent; null: its file does not say
 * @property {number} patches
 * @property {number} experts   0: dense
 * @property {number} kept
 * @property {{experts?: number, kept?: number}} [mixture]  experts that whole images are sent to
 * @property {string[]} classes
 */
import { html, svg, find } from './dom.js';
import { count, decimalsFor, fixed, percent } from '../page/format.js';
import { STRINGS } from '../page/strings.js';

const COLUMN = 16; /* of the class chart's coordinates */
const RISE = 26;
const FEW_CLASSES = 4; /* more take a line of their own where space is short */
const TOP = 5; /* of classes with names, so many are listed */

/** Digits fit under a column, names do not.  @param {Row} row */
const hasNames = (row) => row.classes.some((label) => label.length > 2);

export class PmoeResult extends HTMLElement {
  /** @type {Row[]} */
  #rows = [];
  /** where the times came from that the markup brought along; '' once they are gone */
  #recorded = '';

  /** @param {Row[]} rows  the first is what the others are measured against */
  setModels(rows) {
    const first = !this.#rows.length;
    this.#rows = rows;
    if (first && this.#holds(rows)) {
      this.#recorded = find(this, '.where').textContent ?? '';
      return;
    }
    this.#recorded = '';
    this.replaceChildren(
      html('ul', { class: 'results', role: 'list' }, ...rows.map(makeBlock)),
      html(
        'section',
        { class: 'ledger', 'aria-labelledby': 'ledger-title', hidden: rows.length < 2 },
        html('h3', { id: 'ledger-title' }, STRINGS.ledgerTitle(rows[0].label)),
        ...rows.slice(1).map(makeLedgerRow),
      ),
      html('p', { class: 'caption where' }),
    );
    this.#showLedger([]);
  }

  /** The recorded markup is of these very models: its times stand until there are others.  @param {Row[]} rows */
  #holds(rows) {
    const found = [...this.querySelectorAll('.result')].map((block) => [/** @type {HTMLElement} */ (block).dataset.model, block.querySelector('.adds .n')?.textContent]);
    return JSON.stringify(found) === JSON.stringify(rows.map((row) => [row.id, count(row.multiplyAdds)]));
  }

  /** @param {Prediction[]|null} predictions  in the order of the rows; null: nothing is predicted */
  showPredictions(predictions) {
    this.#rows.forEach((row, i) => {
      const block = this.#block(row.id);
      const prediction = predictions?.[i] ?? null;
      block.dataset.class = prediction?.class ?? '';
      find(block, '.answer-class').textContent = prediction?.class ?? '\u2013';
      find(block, '.answer-percent').textContent = prediction ? percent(prediction.probabilities[prediction.index].probability) : '';
      find(block, '.classes').replaceChildren(...(hasNames(row) ? topClasses(prediction) : classChart(row.classes, prediction)));
    });
  }

  /** @param {Timing[]} timings  in the order of the rows  @param {string} where  how and where they were measured */
  showTimings(timings, where) {
    const [unit, scale] = timings.every((timing) => timing.medianUs >= 1000) ? [STRINGS.milliseconds, 1e-3] : [STRINGS.microseconds, 1];
    const spreads = timings.map((timing) => (scale * (timing.highUs - timing.lowUs)) / 2);
    const decimals = decimalsFor(spreads);
    timings.forEach((timing, i) => {
      const block = this.#block(this.#rows[i].id);
      find(block, '.time .n').textContent = fixed(scale * timing.medianUs, decimals);
      find(block, '.time .unit').textContent = unit;
      find(block, '.time .spread').textContent = STRINGS.spread(fixed(spreads[i], decimals));
      find(block, '.calls').textContent = STRINGS.calls(count(timing.samples), count(timing.calls));
    });
    this.#showLedger(timings);
    this.#recorded = '';
    this.note(where);
  }

  /** A model is run otherwise than before.  @param {string} id  @param {number} multiplyAdds  @param {string} how  in words */
  change(id, multiplyAdds, how) {
    const row = this.#rows.find((each) => each.id === id);
    if (!row) return;
    row.multiplyAdds = multiplyAdds;
    find(this.#block(id), '.adds .n').textContent = count(multiplyAdds);
    find(this.#block(id), '.who .caption').textContent = how;
  }

  /** The times shown are of something else. */
  clearTimings() {
    this.#recorded = '';
    for (const row of this.#rows) {
      const block = this.#block(row.id);
      find(block, '.time .n').textContent = '\u2013';
      find(block, '.time .spread').textContent = '';
      find(block, '.calls').textContent = STRINGS.notMeasured;
    }
    this.#showLedger([]);
  }

  /** @param {string} text */
  note(text) {
    find(this, '.where').textContent = this.#recorded ? STRINGS.untilThen(text, this.#recorded) : text;
  }

  /** @param {string} id */
  #block(id) {
    return find(this, `.result[data-model="${id}"]`);
  }

  /** @param {Timing[]} timings */
  #showLedger(timings) {
    const dense = this.#rows[0];
    const ratios = this.#rows.slice(1).map((row, i) => ({
      row,
      theory: dense.multiplyAdds / row.multiplyAdds,
      here: timings.length ? timings[0].medianUs / timings[i + 1].medianUs : null,
    }));
    const longest = Math.max(1, ...ratios.flatMap(({ theory, here }) => [theory, here ?? 0]));
    for (const { row, theory, here } of ratios) {
      const block = find(this, `.ledger-row[data-model="${row.id}"]`);
      setBar(find(block, '.bar-theory'), theory, longest);
      setBar(find(block, '.bar-here'), here, longest);
    }
  }
}

/** @param {Row} row */
function makeBlock(row) {
  const { experts = 0, kept = 0 } = row.mixture ?? {};
  const how = experts ? STRINGS.someExperts(experts, kept) : row.experts ? STRINGS.somePatches(row.experts, row.kept) : STRINGS.allPatches(row.patches);
  const many = hasNames(row) ? ' has-names' : row.classes.length > FEW_CLASSES ? ' has-many' : '';
  const chart = hasNames(row)
    ? html('ol', { class: 'classes', 'aria-label': STRINGS.topClasses(TOP) }, ...topClasses(null))
    : svg('svg', { class: 'classes', viewBox: `0 0 ${row.classes.length * COLUMN} ${RISE + 14}`, 'aria-hidden': 'true' }, ...classChart(row.classes, null));
  return html(
    'li',
    { class: `result${many}`, 'data-model': row.id },
    html('div', { class: 'who' }, html('h3', {}, row.label), html('p', { class: 'caption' }, how)),
    chart,
    html('p', { class: 'answer' }, html('span', { class: 'answer-class' }, '\u2013'), ' ', html('span', { class: 'answer-percent' })),
    html(
      'div',
      { class: 'cost' },
      html('p', { class: 'adds' }, html('span', { class: 'n' }, count(row.multiplyAdds)), ` ${STRINGS.multiplyAdds}`),
      html('p', { class: 'time' }, html('span', { class: 'n' }, '\u2013'), ' ', html('span', { class: 'unit' }, STRINGS.microseconds), ' ', html('span', { class: 'spread' })),
    ),
    html(
      'div',
      { class: 'fine caption' },
      html('p', { class: 'accuracy' }, row.accuracy === null ? '' : STRINGS.accuracy(fixed(row.accuracy, 2))),
      html('p', { class: 'calls' }, STRINGS.notMeasured),
    ),
  );
}

/** @param {string[]} classes  @param {Prediction|null} prediction */
function classChart(classes, prediction) {
  return classes.flatMap((label, i) => {
    const p = prediction?.probabilities[i].probability ?? 0;
    const [x, width] = [i * COLUMN + 2, COLUMN - 4];
    return [
      svg('rect', { class: 'class-track', x, y: 0, width, height: RISE }),
      svg('rect', { class: 'class-fill', x, y: RISE * (1 - p), width, height: RISE * p }),
      svg('text', { class: prediction?.index === i ? 'class-name is-said' : 'class-name', x: x + width / 2, y: RISE + 11 }, label),
    ];
  });
}

/** The likeliest classes by name.  @param {Prediction|null} prediction */
function topClasses(prediction) {
  const likeliest = [...(prediction?.probabilities ?? [])].sort((a, b) => b.probability - a.probability).slice(0, TOP);
  return likeliest.map(({ class: label, probability }) =>
    html(
      'li',
      { class: 'bar' },
      html('span', { class: 'bar-label' }, label),
      svg('svg', { class: 'bar-chart', 'aria-hidden': 'true' }, svg('rect', { class: 'class-track', x: 0, y: 3, height: 10, width: '100%' }), svg('rect', { class: 'class-fill', x: 0, y: 3, height: 10, width: `${(100 * probability).toFixed(2)}%` })),
      html('span', { class: 'bar-value' }, percent(probability)),
    ),
  );
}

/** @param {Row} row */
function makeLedgerRow(row) {
  const bar = (/** @type {string} */ name, /** @type {string} */ label) =>
    html(
      'div',
      { class: `bar ${name}` },
      html('span', { class: 'bar-label' }, label),
      svg('svg', { class: 'bar-chart', 'aria-hidden': 'true' }, svg('rect', { class: 'bar-length', x: 0, y: 3, height: 10, width: 0 }), svg('line', { class: 'bar-one', y1: 0, y2: 16 })),
      html('span', { class: 'bar-value' }),
    );
  return html(
    'div',
    { class: 'ledger-row', 'data-model': row.id },
    html('p', { class: 'ledger-name' }, row.label),
    bar('bar-theory', STRINGS.theory),
    bar('bar-here', STRINGS.here),
  );
}

/** @param {HTMLElement} bar  @param {number|null} ratio  @param {number} longest */
function setBar(bar, ratio, longest) {
  const percentOf = (/** @type {number} */ value) => `${((100 * value) / longest).toFixed(2)}%`;
  find(bar, '.bar-value').textContent = ratio === null ? '\u2013' : STRINGS.ratio(ratio.toFixed(2));
  bar.querySelector('.bar-length')?.setAttribute('width', percentOf(ratio ?? 0));
  const one = bar.querySelector('.bar-one');
  one?.setAttribute('x1', percentOf(1));
  one?.setAttribute('x2', percentOf(1));
}

customElements.define('pmoe-result', PmoeResult);
