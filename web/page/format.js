/**
 * Numbers and lists as the page writes them.  Pure; no strings of the language except through the arguments.  Without
 * Intl, whose first formatter of each kind costs a starting page milliseconds.
 */

/** @param {number} n */
export const count = (n) => fixed(n, 0);

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

/** @param {number} value  below 1e21  @param {number} decimals  @returns {string} with a true minus sign, and commas between thousands */
export function fixed(value, decimals) {
  const [integer, ...fraction] = value.toFixed(decimals).replace('-', '\u2212').split('.');
  return [integer.replace(/\B(?=(\d{3})+$)/g, ','), ...fraction].join('.');
}

/** @param {string[]} items  @returns {string} "3 and 9", "1, 3, and 9" */
export function listed(items) {
  if (items.length < 3) return items.join(' and ');
  return `${items.slice(0, -1).join(', ')}, and ${items[items.length - 1]}`;
}

/** @param {number} bytes */
export const kibibytes = (bytes) => `${count(Math.round(bytes / 1024))} KiB`;
