/**
 * <pmoe-routes>: which patches the experts of one model took.  The board in calm grey; in each patch a gauge for every
 * expert that kept it (letter, colour, pattern; the height of the fill is the gate); chips with a small map per expert
 * that show or hide it; the scores of the patch that is pointed at; everything as a table.
 *
 * setModel() builds the parts, show() only changes them, so that a gauge can move from one board to the next.
 * Heights and positions are SVG attributes, never style attributes: recorded markup must satisfy a strict CSP.
 *
 * @typedef {import('../engine/protocol.js').Prediction} Prediction
 * @typedef {import('../engine/protocol.js').Route} Route
 */
import { html, svg, paintGrey, RovingGrid } from './dom.js';
import { colourClass, letter, patternDefs, patternFill } from './experts.js';
import { decimalsForValues, fixed } from '../page/format.js';
import { STRINGS } from '../page/strings.js';

const SIDE = 400; /* of the figure's coordinates */
const MINI = 64;
const FRAMED = 3; /* up to so many shown experts also frame their patches; more frames than that hide the patch */

/** What setModel needs of a description. @typedef {{experts: number, kept: number, high: number, wide: number}} Shape */

/** @param {number} expert */
const badge = (expert) => html('span', { class: `badge ${colourClass(expert)}`, 'aria-hidden': 'true' }, letter(expert));

export class PmoeRoutes extends HTMLElement {
  /** @type {Shape} */
  #shape = { experts: 0, kept: 0, high: 0, wide: 0 };
  /** @type {HTMLElement[]} */
  #children = [];
  /** @type {Route[]|null} */
  #routes = null;
  /** @type {boolean[]} */
  #shown = [];
  #pointed = -1;
  #chosen = false;

  /** @type {HTMLElement[]} */ #cells = [];
  /** @type {SVGElement[]} */ #rings = [];
  /** @type {SVGElement[][]} [patch][expert] */ #gauges = [];
  /** @type {SVGElement[][]} [patch][expert] */ #frames = [];
  /** @type {HTMLButtonElement[]} */ #chips = [];
  #picture = html('canvas', { class: 'routes-canvas', width: 112, height: 112 });
  #note = html('p', { class: 'caption routes-note' });
  #readout = html('div', { class: 'readout' });
  #table = html('tbody');

  /** While the engine starts there is time to make the parts for the model that the markup was recorded with. */
  connectedCallback() {
    const [experts, kept, high, wide] = (this.dataset.shape ?? '').split(' ').map(Number);
    if (wide && !this.#children.length) this.#make({ experts, kept, high, wide });
  }

  /** @param {Shape} shape */
  setModel(shape) {
    if (JSON.stringify(shape) !== JSON.stringify(this.#shape)) this.#make(shape);
    this.#routes = null;
    this.#shown = Array(shape.experts).fill(true);
    this.#pointed = -1;
    this.#chosen = false;
    this.replaceChildren(...this.#children);
  }

  /** @param {Shape} shape */
  #make(shape) {
    this.#shape = shape;
    const { high, wide } = shape;
    this.#cells = Array.from({ length: high * wide }, (_, i) => html('div', { role: 'gridcell', class: 'routes-cell', 'data-patch': i }));
    this.#cells.forEach((cell, i) => {
      for (const type of ['pointerenter', 'focus', 'click']) cell.addEventListener(type, () => this.#point(i, true));
    });
    new RovingGrid(this.#cells, wide);
    const rows = Array.from({ length: high }, (_, r) => html('div', { role: 'row' }, ...this.#cells.slice(r * wide, (r + 1) * wide)));
    this.#chips = Array.from({ length: shape.experts }, (_, e) => this.#makeChip(e));
    this.#children = [
      html(
        'div',
        { class: 'routes-figure' },
        html('div', { class: 'routes-picture' }, this.#picture),
        this.#makeOverlay(),
        html('div', { role: 'grid', class: 'routes-grid', 'aria-labelledby': 'routes-title' }, ...rows),
      ),
      this.#note,
      html('div', { class: 'chips', role: 'group', 'aria-label': STRINGS.chipsName }, ...this.#chips),
      this.#readout,
      html(
        'details',
        { class: 'routes-table' },
        html('summary', {}, STRINGS.tableTitle),
        html(
          'table',
          {},
          html('thead', {}, html('tr', {}, ...STRINGS.tableHead.map((text) => html('th', { scope: 'col' }, text)))),
          this.#table,
        ),
      ),
    ];
  }

  /** @param {Prediction} prediction  of the model that was set  @param {Uint8Array} pixels */
  show(prediction, pixels) {
    this.#routes = prediction.experts ?? [];
    if (!this.#chosen) this.#pointed = this.#routes[0]?.picks[0] ?? 0;
    paintGrey(this.#picture, pixels);
    this.#update();
  }

  /** No routing: something is empty.  @param {Uint8Array} pixels */
  showNothing(pixels) {
    this.#routes = null;
    paintGrey(this.#picture, pixels);
    this.#update();
  }

  #makeOverlay() {
    const { experts, high, wide } = this.#shape;
    const [width, height] = [SIDE / wide, SIDE / high];
    const columns = experts <= 2 ? 2 : experts <= 8 ? 4 : 5;
    const rows = Math.ceil(experts / columns);
    const overlay = svg('svg', { class: 'routes-overlay', viewBox: `0 0 ${SIDE} ${SIDE}`, 'aria-hidden': 'true' }, patternDefs(experts));
    this.#gauges = [];
    this.#frames = [];
    this.#rings = [];
    for (let patch = 0; patch < high * wide; patch++) {
      const place = svg('g', { transform: `translate(${(patch % wide) * width} ${Math.floor(patch / wide) * height})` });
      const frames = Array.from({ length: experts }, (_, e) => makeFrame(e, width, height));
      const gauges = Array.from({ length: experts }, (_, e) => makeGauge(e, columns, rows, width, height));
      const ring = svg('rect', { class: 'pointed-ring', x: 1, y: 1, width: width - 2, height: height - 2 });
      place.append(...frames, ...gauges, ring);
      overlay.append(place);
      this.#frames.push(frames);
      this.#gauges.push(gauges);
      this.#rings.push(ring);
    }
    return overlay;
  }

  /** @param {number} e */
  #makeChip(e) {
    const chip = html(
      'button',
      { type: 'button', class: 'chip', 'aria-pressed': 'true' },
      badge(e),
      svg('svg', { class: 'chip-map', viewBox: `0 0 ${MINI} ${MINI}`, 'aria-hidden': 'true' }),
      html('span', { class: 'chip-text', 'aria-hidden': 'true' }),
    );
    chip.addEventListener('click', () => {
      this.#shown[e] = !this.#shown[e];
      this.#update();
    });
    return chip;
  }

  #update() {
    const { experts, kept, high, wide } = this.#shape;
    const soft = this.#routes?.some((route) => route.gates.some((gate) => gate !== 1)) ?? false;
    this.#note.textContent = this.#routes
      ? `${STRINGS.routesNote(experts, kept, high * wide)} ${soft ? STRINGS.softGate : STRINGS.hardGate}`
      : STRINGS.noRouting;
    this.#updateFigure();
    this.#chips.forEach((chip, e) => this.#updateChip(chip, e));
    this.#cells.forEach((cell, i) => cell.setAttribute('aria-label', this.#spoken(i)));
    this.#updateReadout();
    this.#updateTable();
  }

  #updateFigure() {
    const framed = this.#shown.filter(Boolean).length <= FRAMED;
    this.#gauges.forEach((gauges, patch) => {
      let inset = 0;
      gauges.forEach((gauge, e) => {
        const gate = this.#shown[e] ? this.#gate(e, patch) : null;
        gauge.classList.toggle('is-off', gate === null);
        setFill(gauge, gate ?? 0);
        const frame = this.#frames[patch][e];
        frame.classList.toggle('is-off', gate === null || !framed);
        if (gate !== null && framed) setInset(frame, inset++);
      });
    });
    this.#rings.forEach((ring, patch) => ring.classList.toggle('is-off', patch !== this.#pointed || !this.#routes));
  }

  /** @param {HTMLButtonElement} chip  @param {number} e */
  #updateChip(chip, e) {
    const route = this.#routes?.[e];
    const picks = route ? [...route.picks].sort((a, b) => a - b) : [];
    chip.setAttribute('aria-pressed', String(this.#shown[e]));
    chip.setAttribute('aria-label', route ? STRINGS.chip(letter(e), picks) : STRINGS.expert(letter(e)));
    const [map, text] = [chip.children[1], chip.children[2]];
    text.textContent = route ? picks.map((p) => p + 1).join(', ') : '\u2013';
    map.replaceChildren(...this.#mapOf(e));
  }

  /** @param {number} e  one rectangle a patch, and a fill for those that were kept */
  #mapOf(e) {
    const { high, wide } = this.#shape;
    const [width, height] = [MINI / wide, MINI / high];
    return Array.from({ length: high * wide }, (_, patch) => {
      const [x, y] = [(patch % wide) * width + 1, Math.floor(patch / wide) * height + 1];
      const gate = this.#gate(e, patch);
      const inner = height - 2;
      return svg(
        'g',
        { class: colourClass(e) },
        svg('rect', { class: gate === null ? 'map-cell' : 'map-cell is-kept', x, y, width: width - 2, height: inner }),
        gate !== null &&
          svg('rect', { class: 'map-fill', x, width: width - 2, y: y + inner * (1 - gate), height: inner * gate, fill: patternFill(e) }),
      );
    });
  }

  /** @param {number} patch  @param {boolean} chosen  by a person */
  #point(patch, chosen) {
    this.#pointed = patch;
    this.#chosen ||= chosen;
    this.#updateFigure();
    this.#updateReadout();
  }

  #updateReadout() {
    const routes = this.#routes;
    if (!routes || this.#pointed < 0) {
      this.#readout.classList.add('is-idle');
      return;
    }
    const patch = this.#pointed;
    const decimals = this.#scoreDecimals();
    this.#readout.classList.remove('is-idle');
    this.#readout.replaceChildren(
      html('h3', {}, STRINGS.scores(patch)),
      ...routes.map((route, e) => {
        const gate = this.#gate(e, patch);
        return html(
          'div',
          { class: this.#shown[e] ? 'readout-row' : 'readout-row is-hidden' },
          badge(e),
          strip(route, patch, e),
          html('span', { class: 'readout-score' }, fixed(route.scores[patch], decimals)),
          html('span', { class: 'readout-kept' }, gate === null ? STRINGS.notKept : STRINGS.kept(gate.toFixed(2))),
        );
      }),
    );
  }

  #updateTable() {
    const decimals = this.#scoreDecimals();
    this.#table.replaceChildren(
      ...(this.#routes ?? []).map((route, e) =>
        html(
          'tr',
          {},
          html('th', { scope: 'row' }, letter(e)),
          html('td', {}, route.picks.map((patch, i) => `${patch + 1} (${route.gates[i].toFixed(2)})`).join(', ')),
          html('td', {}, route.scores.map((score) => fixed(score, decimals)).join(' ')),
        ),
      ),
    );
  }

  #scoreDecimals() {
    return decimalsForValues((this.#routes ?? []).flatMap((route) => route.scores));
  }

  /** @param {number} e  @param {number} patch  @returns {number|null} null: not kept */
  #gate(e, patch) {
    const route = this.#routes?.[e];
    const at = route ? route.picks.indexOf(patch) : -1;
    return route && at >= 0 ? Math.min(1, Math.max(0, route.gates[at])) : null;
  }

  /** @param {number} patch */
  #spoken(patch) {
    if (!this.#routes) return STRINGS.patch(patch);
    const decimals = this.#scoreDecimals();
    const parts = this.#routes.map((route, e) => {
      const gate = this.#gate(e, patch);
      const kept = gate === null ? STRINGS.notKept : STRINGS.kept(gate.toFixed(2));
      return `${STRINGS.expert(letter(e))} ${fixed(route.scores[patch], decimals)}, ${kept}`;
    });
    return `${STRINGS.patch(patch)}. ${parts.join('; ')}`;
  }
}

/** @param {number} e  @param {number} width  @param {number} height */
function makeFrame(e, width, height) {
  return svg(
    'g',
    { class: `frame ${colourClass(e)} is-off`, 'data-width': width, 'data-height': height },
    svg('rect', { class: 'frame-edge' }),
    svg('rect', { class: 'frame-line' }),
  );
}

/** @param {SVGElement} frame  @param {number} depth  frames already around this patch */
function setInset(frame, depth) {
  const inset = 3 + depth * 6;
  for (const rect of frame.children) {
    rect.setAttribute('x', String(inset));
    rect.setAttribute('y', String(inset));
    rect.setAttribute('width', String(Number(frame.dataset.width) - 2 * inset));
    rect.setAttribute('height', String(Number(frame.dataset.height) - 2 * inset));
  }
}

/**
 * A letter on its colour, and under it a track that fills to the gate.  Each expert has a fixed place in every patch.
 * @param {number} e  @param {number} columns  @param {number} rows  @param {number} width  @param {number} height  of the patch
 */
function makeGauge(e, columns, rows, width, height) {
  const margin = columns === 2 ? 13 : 8;
  const slot = (width - 2 * margin) / Math.max(columns, 3);
  const gap = columns === 2 ? width - 2 * margin - 2 * slot : 0;
  const tall = (height - 2 * margin) / rows;
  const x = margin + (e % columns) * (slot + gap) + 1;
  const y = margin + Math.floor(e / columns) * tall + 1;
  const [w, h] = [slot - 2, tall - 2];
  const tab = Math.min(w, h * 0.5, 20);
  return svg(
    'g',
    { class: `gauge ${colourClass(e)} is-off`, 'data-top': y + tab, 'data-room': h - tab },
    svg('rect', { class: 'gauge-track', x, y, width: w, height: h }),
    svg('rect', { class: 'gauge-fill', x, y: y + h, width: w, height: 0, fill: patternFill(e) }),
    svg('rect', { class: 'gauge-tab', x, y, width: w, height: tab }),
    svg('text', { class: 'gauge-letter', x: x + w / 2, y: y + tab / 2, 'font-size': Math.min(tab * 0.86, 15) }, letter(e)),
    svg('rect', { class: 'gauge-edge', x, y, width: w, height: h }),
  );
}

/** @param {SVGElement} gauge  @param {number} gate */
function setFill(gauge, gate) {
  const [top, room] = [Number(gauge.dataset.top), Number(gauge.dataset.room)];
  const fill = gauge.children[1];
  fill.setAttribute('y', String(top + room * (1 - gate)));
  fill.setAttribute('height', String(room * gate));
}

/**
 * All scores of one expert on a line from its smallest to its largest; the kept ones are tall and coloured, the patch
 * in question is ringed.
 * @param {Route} route  @param {number} pointed  @param {number} e
 */
function strip(route, pointed, e) {
  const [low, high] = [Math.min(...route.scores), Math.max(...route.scores)];
  const place = (/** @type {number} */ score) => `${(4 + (92 * (score - low)) / (high - low || 1)).toFixed(2)}%`;
  const line = (/** @type {number} */ score, /** @type {string} */ name) =>
    svg('line', { class: name, x1: place(score), x2: place(score), y1: name === 'tick' ? 9 : 3, y2: name === 'tick' ? 15 : 21 });
  const others = route.scores.filter((_, patch) => !route.picks.includes(patch));
  return svg(
    'svg',
    { class: `strip ${colourClass(e)}`, 'aria-hidden': 'true' },
    svg('line', { class: 'axis', x1: '2%', x2: '98%', y1: 12, y2: 12 }),
    ...others.map((score) => line(score, 'tick')),
    ...route.picks.flatMap((patch) => [line(route.scores[patch], 'tick-edge'), line(route.scores[patch], 'tick-kept')]),
    svg('circle', { class: 'tick-pointed', cx: place(route.scores[pointed]), cy: 12, r: 5.5 }),
  );
}

customElements.define('pmoe-routes', PmoeRoutes);
