/**
 * <pmoe-routes>: which patches the experts of one model took.  The board or photograph in calm grey; in each patch a
 * gauge for every expert that kept it (letter, colour, pattern; the height of the fill is the gate); room for the control
 * of how it is routed (page/what-if.js puts it there); chips with a small
 * map per expert that show or hide it; the scores of the patch that is pointed at; everything as a table.
 *
 * The parts of a model are made once, or found in markup that was recorded with it (data-shape says so); show() only
 * changes them, so that a gauge can move from one board to the next.
 * Heights and positions are SVG attributes, never style attributes: recorded markup must satisfy a strict CSP.
 *
 * @typedef {import('../engine/protocol.js').Prediction} Prediction
 * @typedef {import('../engine/protocol.js').Route} Route
 */
import { find, findAll, html, isFine, svg, paint, RovingGrid } from './dom.js';
import { colourClass, letter, patternDefs, patternFill } from './experts.js';
import { decimalsForValues, fixed } from '../page/format.js';
import { STRINGS } from '../page/strings.js';

const SIDE = 400; /* of the figure's coordinates */
const MINI = 64;
const FRAMED = 3; /* up to so many shown experts also frame their patches; more frames than that hide the patch */

/**
 * What setModel needs of a description: experts, the grid of patches, the picture that it divides.
 * @typedef {{experts: number, kept: number, high: number, wide: number, height: number, width: number, channels: number}} Shape
 */

/** An expert that is switched off scored nothing.  @param {Route} route */
const isOn = (route) => route.scores.length > 0;

/** @param {number} expert */
const badge = (expert) => html('span', { class: `badge ${colourClass(expert)}`, 'aria-hidden': 'true' }, letter(expert));

export class PmoeRoutes extends HTMLElement {
  /** @type {Shape} */
  #shape = { experts: 0, kept: 0, high: 0, wide: 0, height: 0, width: 0, channels: 0 };
  /** @type {Route[]|null} */
  #routes = null;
  /** @type {boolean[]} */
  #shown = [];
  #pointed = -1;
  #chosen = false;

  /** @type {HTMLElement[]} */ #cells = [];
  /** @type {HTMLButtonElement[]} */ #chips = [];
  /** @type {SVGElement[]} a patch each, where its gauges and frames go */ #places = [];
  /** @type {(SVGElement|null)[][]} [patch][expert] null: not seen so far */ #gauges = [];
  /** @type {(SVGElement|null)[][]} [patch][expert] */ #frames = [];
  #ring = svg('rect');
  #picture = html('canvas');
  #note = html('p');
  #readout = html('div');
  #table = html('tbody');

  connectedCallback() {
    const [experts, kept, high, wide, height, width, channels] = (this.dataset.shape ?? '').split(' ').map(Number);
    if (!wide || this.#cells.length || !this.children.length) return;
    this.#shape = { experts, kept, high, wide, height, width, channels };
    this.#bind();
  }

  /** @param {Shape} shape */
  setModel(shape) {
    if (JSON.stringify(shape) !== JSON.stringify(this.#shape)) {
      this.#shape = shape;
      this.replaceChildren(...this.#make());
      this.#bind();
    }
    this.#routes = null;
    this.#shown = Array(shape.experts).fill(true);
    this.#pointed = -1;
    this.#chosen = false;
    const { high, wide } = shape;
    this.#ring = svg('rect', { class: 'pointed-ring', x: 1, y: 1, width: SIDE / wide - 2, height: SIDE / high - 2 });
    for (const place of this.#places) place.replaceChildren();
    this.#gauges = this.#places.map(() => Array(shape.experts).fill(null));
    this.#frames = this.#places.map(() => Array(shape.experts).fill(null));
  }

  /** Find the parts of the shape and listen to them. */
  #bind() {
    this.#picture = find(this, '.routes-canvas');
    this.#note = find(this, '.routes-note');
    this.#readout = find(this, '.readout');
    this.#table = find(this, 'tbody');
    this.#places = findAll(this, '.routes-overlay > g');
    this.#cells = findAll(this, '.routes-cell');
    this.#cells.forEach((cell, i) => {
      for (const type of ['pointerenter', 'focus', 'click']) cell.addEventListener(type, () => this.#point(i, true));
    });
    new RovingGrid(this.#cells, this.#shape.wide);
    this.#chips = findAll(this, '.chip');
    this.#chips.forEach((chip, e) =>
      chip.addEventListener('click', () => {
        this.#shown[e] = !this.#shown[e];
        this.#update();
      }),
    );
  }

  /** @returns {HTMLElement[]} the parts of the shape */
  #make() {
    const { experts, high, wide, height, width, channels } = this.#shape;
    const cells = Array.from({ length: high * wide }, (_, i) => html('div', { role: 'gridcell', class: 'routes-cell', 'data-patch': i }));
    const rows = Array.from({ length: high }, (_, r) => html('div', { role: 'row' }, ...cells.slice(r * wide, (r + 1) * wide)));
    return [
      html(
        'div',
        { class: isFine(wide) ? 'routes-figure is-fine' : 'routes-figure' },
        html('div', { class: channels === 1 ? 'routes-picture' : 'routes-picture is-colour' }, html('canvas', { class: 'routes-canvas', width, height })),
        this.#makeOverlay(),
        html('div', { role: 'grid', class: 'routes-grid', 'aria-labelledby': 'routes-title' }, ...rows),
      ),
      html('p', { class: 'caption routes-note' }),
      html('div', { class: 'routes-what-if' }),
      html('div', { class: 'chips', role: 'group', 'aria-label': STRINGS.chipsName }, ...Array.from({ length: experts }, (_, e) => makeChip(e))),
      html('div', { class: 'readout' }),
      html(
        'details',
        { class: 'routes-table' },
        html('summary', {}, STRINGS.tableTitle),
        html(
          'table',
          {},
          html('thead', {}, html('tr', {}, ...STRINGS.tableHead(high * wide).map((text) => html('th', { scope: 'col' }, text)))),
          html('tbody'),
        ),
      ),
    ];
  }

  /** @param {Prediction} prediction  of the model that was set  @param {Uint8Array} pixels */
  show(prediction, pixels) {
    this.#routes = prediction.experts ?? [];
    if (!this.#chosen) this.#pointed = this.#routes[0]?.picks[0] ?? 0;
    paint(this.#picture, pixels);
    this.#update();
  }

  /** No routing: something is empty.  @param {Uint8Array} pixels */
  showNothing(pixels) {
    this.#routes = null;
    paint(this.#picture, pixels);
    this.#update();
  }

  #makeOverlay() {
    const { experts, high, wide } = this.#shape;
    const places = Array.from({ length: high * wide }, (_, patch) => {
      const [x, y] = [(patch % wide) * (SIDE / wide), Math.floor(patch / wide) * (SIDE / high)];
      return svg('g', { transform: `translate(${x} ${y})` });
    });
    return svg('svg', { class: 'routes-overlay', viewBox: `0 0 ${SIDE} ${SIDE}`, 'aria-hidden': 'true' }, patternDefs(experts), ...places);
  }

  #update() {
    const { high, wide } = this.#shape;
    const on = (this.#routes ?? []).filter(isOn);
    const soft = on.some((route) => route.gates.some((gate) => gate !== 1));
    this.#note.textContent = on.length
      ? `${STRINGS.routesNote(on.length, on[0].picks.length, high * wide)} ${soft ? STRINGS.softGate : STRINGS.hardGate}`
      : this.#routes ? STRINGS.allOff : STRINGS.noRouting;
    this.#updateFigure();
    this.#chips.forEach((chip, e) => this.#updateChip(chip, e));
    const decimals = this.#scoreDecimals();
    this.#cells.forEach((cell, i) => cell.setAttribute('aria-label', this.#spoken(i, decimals)));
    this.#updateReadout();
    this.#updateTable();
  }

  /** Gauges and frames are made when they are first seen, and kept. */
  #updateFigure() {
    const framed = this.#shown.filter(Boolean).length <= FRAMED;
    this.#places.forEach((place, patch) => {
      let inset = 0;
      this.#shown.forEach((shown, e) => {
        const gate = shown ? this.#gate(e, patch) : null;
        if (gate !== null) {
          const gauge = (this.#gauges[patch][e] ??= place.appendChild(makeGauge(e, this.#shape)));
          setFill(gauge, gate);
          if (framed) {
            const frame = (this.#frames[patch][e] ??= place.insertBefore(makeFrame(e, this.#shape), place.firstChild));
            setInset(frame, inset++, isFine(this.#shape.wide) ? 4 : 6);
          }
        }
        this.#gauges[patch][e]?.classList.toggle('is-off', gate === null);
        this.#frames[patch][e]?.classList.toggle('is-off', gate === null || !framed);
      });
    });
    if (this.#routes) this.#places[this.#pointed]?.append(this.#ring);
    else this.#ring.remove();
  }

  /** @param {HTMLButtonElement} chip  @param {number} e */
  #updateChip(chip, e) {
    const route = this.#routes?.[e];
    const picks = route ? [...route.picks].sort((a, b) => a - b) : [];
    chip.setAttribute('aria-pressed', String(this.#shown[e]));
    chip.setAttribute('aria-label', route ? STRINGS.chip(letter(e), picks) : STRINGS.expert(letter(e)));
    const [map, text] = [chip.children[1], chip.children[2]];
    text.textContent = route ? picks.map((p) => p + 1).join(', ') || STRINGS.off : '\u2013';
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
    const rows = routes.flatMap((route, e) => {
      const gate = this.#gate(e, patch);
      return isOn(route) && this.#shown[e] ? html(
        'div',
        { class: 'readout-row' },
        badge(e),
        strip(route, patch, e),
        html('span', { class: 'readout-score' }, fixed(route.scores[patch], decimals)),
        html('span', { class: 'readout-kept' }, gate === null ? STRINGS.notKept : STRINGS.kept(gate.toFixed(2))),
      ) : [];
    });
    /* As high as ever: a page that grows shorter moves a switch away from under the pointer that turned an expert off. */
    const gaps = Array.from({ length: routes.length - rows.length }, () => html('div', { class: 'readout-gap' }));
    this.#readout.replaceChildren(html('h3', {}, STRINGS.scores(patch)), ...rows, ...gaps);
  }

  #updateTable() {
    const decimals = this.#scoreDecimals();
    this.#table.replaceChildren(
      ...(this.#routes ?? []).map((route, e) =>
        html(
          'tr',
          {},
          html('th', { scope: 'row' }, letter(e)),
          html('td', {}, route.picks.map((patch, i) => `${patch + 1} (${route.gates[i].toFixed(2)})`).join(', ') || STRINGS.off),
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

  /** @param {number} patch  @param {number} decimals  of scores */
  #spoken(patch, decimals) {
    if (!this.#routes) return STRINGS.patch(patch);
    const parts = this.#routes.map((route, e) => {
      if (!isOn(route)) return `${STRINGS.expert(letter(e))} ${STRINGS.off}`;
      const gate = this.#gate(e, patch);
      const kept = gate === null ? STRINGS.notKept : STRINGS.kept(gate.toFixed(2));
      return `${STRINGS.expert(letter(e))} ${fixed(route.scores[patch], decimals)}, ${kept}`;
    });
    return `${STRINGS.patch(patch)}. ${parts.join('; ')}`;
  }
}

/** @param {number} e  @param {Shape} shape */
function makeFrame(e, { high, wide }) {
  return svg(
    'g',
    { class: `frame ${colourClass(e)}`, 'data-width': SIDE / wide, 'data-height': SIDE / high },
    svg('rect', { class: 'frame-edge' }),
    svg('rect', { class: 'frame-line' }),
  );
}

/** @param {SVGElement} frame  @param {number} depth  frames already around this patch  @param {number} each  what one takes */
function setInset(frame, depth, each) {
  const inset = (depth + 0.5) * each;
  for (const rect of frame.children) {
    rect.setAttribute('x', String(inset));
    rect.setAttribute('y', String(inset));
    rect.setAttribute('width', String(Number(frame.dataset.width) - 2 * inset));
    rect.setAttribute('height', String(Number(frame.dataset.height) - 2 * inset));
  }
}

/** @param {number} e */
function makeChip(e) {
  return html(
    'button',
    { type: 'button', class: 'chip', 'aria-pressed': 'true' },
    badge(e),
    svg('svg', { class: 'chip-map', viewBox: `0 0 ${MINI} ${MINI}`, 'aria-hidden': 'true' }),
    html('span', { class: 'chip-text', 'aria-hidden': 'true' }),
  );
}

/**
 * A letter on its colour, and under it a track that fills to the gate.  Each expert has a fixed place in every patch.
 * @param {number} e  @param {Shape} shape
 */
function makeGauge(e, { experts, high, wide }) {
  const [width, height] = [SIDE / wide, SIDE / high];
  const columns = experts <= 2 ? 2 : experts <= 8 ? 4 : 5;
  const rows = Math.ceil(experts / columns);
  const margin = ((columns === 2 && !isFine(wide) ? 13 : 8) / 100) * width;
  const slot = (width - 2 * margin) / Math.max(columns, isFine(wide) ? 2.4 : 3);
  const gap = columns === 2 ? width - 2 * margin - 2 * slot : 0;
  const tall = (height - 2 * margin) / rows;
  const x = margin + (e % columns) * (slot + gap) + 1;
  const y = margin + Math.floor(e / columns) * tall + 1;
  const [w, h] = [slot - 2, tall - 2];
  const tab = Math.min(w, h * 0.5, 20);
  return svg(
    'g',
    { class: `gauge ${colourClass(e)}`, 'data-expert': e, 'data-top': y + tab, 'data-room': h - tab },
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
