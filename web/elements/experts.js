/**
 * An expert's one identity everywhere: a letter, a colour class (tokens.css) and a pattern.  After eight the colours
 * repeat, each with another pattern; the letter goes on.
 */
import { svg } from './dom.js';

const COLOURS = 8;

/** Strokes in a tile of 8 x 8. */
const PATTERNS = [
  'M-2 2l4-4M0 8l8-8M6 10l4-4',
  'M4 4h.01',
  'M0 4h8',
  'M-2 6l4 4M0 0l8 8M6-2l4 4',
  'M4 0v8',
  'M0 4h8M4 0v8',
  'M0 6l4-4 4 4',
  'M0 0l8 8M0 8l8-8',
];

/** @param {number} expert  0 ...  @returns {string} A, B, ... Z, AA, AB, ... */
export function letter(expert) {
  const last = String.fromCharCode(65 + (expert % 26));
  return expert < 26 ? last : letter(Math.floor(expert / 26) - 1) + last;
}

/** @param {number} expert */
export const colourClass = (expert) => `expert-${(expert % COLOURS) + 1}`;

/** @param {number} expert  @param {string} [of]  as at patternDefs  @returns {string} for a fill attribute */
export const patternFill = (expert, of = 'expert') => `url(#${of}-pattern-${expert})`;

/**
 * The pattern of every expert, once in an element: what another defines does not show while that is hidden.
 * @param {number} experts  @param {string} [of]  begins the ids of this element's patterns
 */
export function patternDefs(experts, of = 'expert') {
  const defs = svg('defs');
  for (let e = 0; e < experts; e++) {
    const strokes = PATTERNS[(e + Math.floor(e / COLOURS)) % PATTERNS.length];
    defs.append(
      svg(
        'pattern',
        { id: `${of}-pattern-${e}`, class: colourClass(e), width: 8, height: 8, patternUnits: 'userSpaceOnUse' },
        svg('rect', { class: 'pattern-ground', width: 8, height: 8 }),
        svg('path', { class: 'pattern-stroke', d: strokes, 'stroke-width': strokes.includes('h.01') ? 3.4 : 1.5 }),
      ),
    );
  }
  return defs;
}
