/**
 * Numbers and lists as the page writes them.  Pure; no strings of the language except through the arguments.
 */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** @param {number} n */
export const count = (n) => whole.format(n);

/** @param {number} p  probability  @returns {string} with one decimal, and never a rounded 0 or 100 that is not one */
export function percent(p) {
  if (p > 0.9995 && p < 1) return '> 99.9 %';
  if (p < 0.0005 && p > 0) return '< 0.1 %';
  return `${(p * 100).toFixed(1)} %`;
}

/** @param {number} p  for speech */
export const wholePercent = (p) => String(Math.round(p * 100));

/**
 * Decimals that show the smallest of the spreads with one digit, the same for every number of a column.
 * @param {number[]} spreads
 */
export function decimalsFor(spreads) {
  const smallest = Math.min(...spreads.filter((s) => s > 0));
  if (!Number.isFinite(smallest)) return 1;
  return Math.min(2, Math.max(0, -Math.floor(Math.log10(smallest))));
}

/**
 * Decimals with which the largest of the values shows three digits.
 * @param {number[]} values
 */
export function decimalsForValues(values) {
  const largest = Math.max(...values.map(Math.abs));
  if (!(largest > 0)) return 2;
  return Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(largest))));
}

/** @type {Intl.NumberFormat[]} by decimals: making one takes longer than a hundred uses */
const formats = [];

/** @param {number} value  @param {number} decimals  @returns {string} with a true minus sign */
export function fixed(value, decimals) {
  formats[decimals] ??= new Intl.NumberFormat('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return formats[decimals].format(value).replace('-', '\u2212');
}

/** @param {number} bytes */
export const kibibytes = (bytes) => `${count(Math.round(bytes / 1024))} KiB`;
